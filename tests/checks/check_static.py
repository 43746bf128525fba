#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The archive makes a program that has hakmem in it: with the C library shared, and with it in the
program too. The archive is one object, so that a program gets every entry point or none.
"""

import argparse
import pathlib
import subprocess
import tempfile

import common

NEVER_CALLED = {"malloc", "free", "memalign", "valloc", "reallocarray", "malloc_usable_size"}


def names(*command):
    """-> what nm says is defined in the text"""
    lines = (line.split() for line in common.run_tool("nm", *command).splitlines())
    return {words[2] for words in lines if len(words) == 3 and words[1] in "TW"}


def build(args, folder, *flags):
    """-> the program, or None: there is nothing to link with in that way"""
    program = pathlib.Path(folder) / ("program" + "".join(flags))
    done = subprocess.run(
        [*args.compiler, "-O2", *flags, args.source, args.archive, "-pthread", "-o", program],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", check=False)
    if done.returncode != 0 and "cannot find -lc" in done.stdout:
        return None
    if done.returncode != 0:
        raise RuntimeError(f"linking with {' '.join(flags) or 'no flags'}: {done.stdout}")
    return program


def check_program(program, exported):
    missing = NEVER_CALLED - names(*exported, program)
    violations = [f"{program.name} has no {name} of its own" for name in sorted(missing)]
    done = subprocess.run([program], input="one line\n" * 1000, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    if done.returncode != 0 or done.stdout != "1000 lines\n":
        violations.append(f"{program.name} ends with {done.returncode}: {done.stdout}")
    return violations


def check(args):
    members = common.run_tool("ar", "t", args.archive).split()
    violations = [] if len(members) == 1 else [f"the archive has {members}, not one object"]
    with tempfile.TemporaryDirectory() as folder:
        # what the C library shall call has to be exported
        violations += check_program(build(args, folder), ["-D"])
        whole = build(args, folder, "-static")
        if whole:
            violations += check_program(whole, [])
    return violations


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive")
    parser.add_argument("source")
    parser.add_argument("compiler", nargs="+")
    args = parser.parse_args()
    common.main(lambda: check(args))


if __name__ == "__main__":
    main()
