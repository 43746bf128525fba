#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs with the header hakmem-inline.h: it compiles without warnings, a constant size is no call, and
with the archive of another build there is no program.

--budget N: instructions of malloc of a constant size, the return with it; 0: a call is right.
"""

import argparse
import pathlib
import re
import subprocess
import tempfile

import common
import machine_code

WARNINGS = ["-Wall", "-Wextra", "-Werror"]
SYMBOL = re.compile(r"hakmem_inline_h_is_of_another_build_than_the_archive_(\w{12})")


def link(args, header, program):
    """-> status and messages"""
    done = subprocess.run(
        [*args.compiler, "-O2", "-std=gnu11", *WARNINGS, "-include", header, args.source,
         args.archive, "-pthread", "-o", program],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", check=False)
    return done.returncode, done.stdout


def check_other_build(args, folder):
    text = args.header.read_text(encoding="utf-8")
    if not SYMBOL.search(text):
        return ["the header does not say of which build it is"]
    header = folder / args.header.name
    header.write_text(SYMBOL.sub(lambda found: found[0][:-12] + "0" * 12, text), encoding="utf-8")
    status, messages = link(args, header, folder / "other")
    if status == 0 or not SYMBOL.search(messages):
        return [f"with another build's header linking ends with {status}: {messages}"]
    return []


def check_code(args, program):
    if not args.budget:
        return []
    path = machine_code.shortest_working_path(machine_code.disassemble(program, "take"))
    if not path:
        return ["malloc of a constant size has no way that calls nothing"]
    if len(path) > args.budget:
        return [f"malloc of a constant size is {len(path)} instructions, not {args.budget}:",
                *(instruction.text for instruction in path)]
    return []


def check(args):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        status, messages = link(args, args.header, folder / "program")
        if status != 0:
            raise RuntimeError(f"no program: {messages}")
        done = subprocess.run([folder / "program"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", check=False)
        violations = [] if (done.returncode, done.stdout) == (0, "fits\n") else [
            f"the program ends with {done.returncode}: {done.stdout}"]
        return violations + check_code(args, folder / "program") + check_other_build(args, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=int, default=0)
    parser.add_argument("header", type=pathlib.Path)
    parser.add_argument("archive")
    parser.add_argument("source")
    parser.add_argument("compiler", nargs="+")
    args = parser.parse_args()
    common.main(lambda: check(args))


if __name__ == "__main__":
    main()
