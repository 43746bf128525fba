#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a program with the library preloaded and an LD_AUDIT library watching the loader.

The program must end well, and the auditor must have seen the bindings of malloc.
"""

import argparse
import os
import subprocess
import sys

WANTED = "audit: bindings seen, malloc seen\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", required=True)
    parser.add_argument("--auditor", required=True)
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    env = {
        **os.environ,
        "LD_AUDIT": args.auditor,
        "LD_PRELOAD": args.library,
        "PRELOAD_UNDER_TEST": args.library,
    }
    run = subprocess.run(args.command, env=env, capture_output=True, text=True, check=False)
    if run.returncode != 0 or run.stderr != WANTED:
        print(f"status {run.returncode}, on standard error: {run.stderr!r}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
