#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs with the header hakmem-inline.h: it compiles without warnings at every level, a constant size
is no call, and with the archive of another build, or for another C, there is no program.

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
SYMBOL = re.compile(r"hakmem_inline_h_is_of_another_build_than_the_archive_([0-9a-f]{12})")


def link(args, header, program, *flags):
    """-> status and messages"""
    done = subprocess.run(
        [*args.compiler, "-O2", "-std=gnu11", *WARNINGS, *flags, "-include", header, args.source,
         args.archive, "-pthread", "-o", program],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", check=False)
    return done.returncode, done.stdout


def check_runs(args, folder):
    """The program at each level; left behind is that of -O2"""
    violations = []
    for level in ("-O0", "-O1", "-O3", "-Os", "-O2"):
        status, messages = link(args, args.header, folder / "program", level)
        if status != 0:
            raise RuntimeError(f"no program with {level}: {messages}")
        done = subprocess.run([folder / "program"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", check=False)
        if (done.returncode, done.stdout) != (0, "fits\n"):
            violations.append(f"the program of {level} ends with {done.returncode}: {done.stdout}")
    return violations


def check_other_build(args, folder):
    text = args.header.read_text(encoding="utf-8")
    if not SYMBOL.search(text):
        return ["the header does not say of which build it is"]
    header = folder / args.header.name
    header.write_text(SYMBOL.sub(lambda found: found[0][:-12] + "0" * 12, text), encoding="utf-8")
    violations = []
    for flags in ((), ("-Wl,--gc-sections",), ("-fdata-sections", "-Wl,--gc-sections"), ("-shared", "-fPIC")):
        status, messages = link(args, header, folder / "other", *flags)
        if status == 0 or not SYMBOL.search(messages):
            violations.append(f"with another build's header linking ends with {status}: {messages}")
    return violations


def check_other_c(args, folder):
    status, messages = link(args, args.header, folder / "other", "-std=gnu89")
    if status == 0 or "compile with -std=gnu11" not in messages:
        return [f"in old C compiling ends with {status}: {messages}"]
    return []


def check_calls(args, folder):
    """Where a malloc of another's is in the program, nothing may need the archive"""
    violations = []
    for flag in ("-fsanitize=address", "-fsanitize=thread", "-DHAKMEM_INLINE_CALLS"):
        unit = folder / "unit.o"
        common.run_tool(*args.compiler, "-O2", "-std=gnu11", flag, "-include", str(args.header), "-c",
                        args.source, "-o", str(unit))
        needed = re.findall(r" U ((?:hk_|hakmem_)\w+)", common.run_tool("nm", str(unit)))
        if needed:
            violations.append(f"with {flag} the program still needs {', '.join(needed)}")
    return violations


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
        return [*check_runs(args, folder), *check_code(args, folder / "program"),
                *check_other_build(args, folder), *check_other_c(args, folder), *check_calls(args, folder)]


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
