#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Traces the system calls of a program under preload and finds those between its marks.

A loop of malloc and free of one size must make none once it is warm. Ends with 77 where strace is
not installed or not allowed.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

# The clock may tick within a loop and give back what an earlier, smaller size has left; 3000 rounds
# that each made a call would make as many.
TICK_CALLS = 8

MARK = re.compile(r'write\(-1, "(begin|end) (\d+)"')
CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")


def may_trace(strace):
    command = [strace, "-qq", "-o", os.devnull, "true"]
    probe = subprocess.run(command, capture_output=True, check=False)
    return probe.returncode == 0


def calls_between_marks(trace):
    """-> {size: {name of system call: count}}, also for sizes without any."""
    calls = {}
    size = None
    for line in trace.splitlines():
        mark = MARK.search(line)
        if mark:
            size = int(mark[2]) if mark[1] == "begin" else None
            calls.setdefault(int(mark[2]), {})
            continue
        call = CALL.match(line)
        if size is not None and call:
            calls[size][call[1]] = calls[size].get(call[1], 0) + 1
    return calls


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", required=True)
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    strace = shutil.which("strace")
    if strace is None or not may_trace(strace):
        print("strace cannot be used here")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder) / "trace"
        options = ["-f", "-qq", "-o", str(trace)]
        for name in ("LD_PRELOAD", "PRELOAD_UNDER_TEST"):
            options += ["-E", f"{name}={args.library}"]
        done = subprocess.run([strace, *options, *args.command], check=False)
        calls = calls_between_marks(trace.read_text(errors="replace"))
    if done.returncode != 0 or not calls:
        print(f"status {done.returncode}, {len(calls)} sizes in the trace", file=sys.stderr)
        return 1
    busy = {size: found for size, found in calls.items() if sum(found.values()) > TICK_CALLS}
    for size, found in busy.items():
        print(f"{size} bytes: {found}", file=sys.stderr)
    return 1 if busy else 0


if __name__ == "__main__":
    sys.exit(main())
