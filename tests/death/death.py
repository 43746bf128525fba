#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a misuse under preload: it must end by SIGABRT and leave exactly one line on standard error.
An asterisk in the line stands for the digits of an address.

usage: death.py --library FILE --line TEXT PROGRAM
"""

import argparse
import os
import re
import resource
import signal
import subprocess
import sys


def without_core_file():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", required=True)
    parser.add_argument("--line", required=True)
    parser.add_argument("program")
    args = parser.parse_args()
    run = subprocess.run(
        [os.path.abspath(args.program)],
        env={**os.environ, "LD_PRELOAD": args.library},
        capture_output=True,
        timeout=20,
        preexec_fn=without_core_file,
        check=False,
    )
    wanted = re.escape(f"hakmem: {args.line}\n").replace(r"\*", "[0-9a-f]+").encode()
    if run.returncode != -signal.SIGABRT or not re.fullmatch(wanted, run.stderr) or run.stdout:
        print(f"wanted {wanted!r} and SIGABRT", file=sys.stderr)
        got = f"got {run.stderr!r}, output {run.stdout!r}, status {run.returncode}"
        print(got, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
