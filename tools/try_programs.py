#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run real programs with the system's malloc and with a library, and print time and memory.

Rounds are interleaved, so that a busy moment of the machine meets both. Shown are medians of wall time
and of peak resident memory, as the kernel counts it for the program and its children.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import real_programs  # noqa: E402


def run_once(program, library):
    """(seconds, peak KiB) of one run."""
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    environment.update(program.environment, LC_ALL="C")
    if library:
        environment["LD_PRELOAD"] = library
    with open(program.stdin, "rb") as stdin:
        start = time.monotonic()
        child = subprocess.Popen(
            program.command, stdin=stdin, stdout=subprocess.DEVNULL, env=environment
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        with_what = library or "the system's malloc"
        sys.exit(f"try: {program.command[0]} ended with status {child.returncode} with {with_what}")
    return seconds, usage.ru_maxrss


def measure(program, library, rounds):
    """Medians {None or library: (seconds, KiB)}."""
    results = {None: [], library: []}
    for round_number in range(rounds):
        order = list(results)
        if round_number % 2:
            order.reverse()
        for which in order:
            results[which].append(run_once(program, which))
    return {
        which: tuple(statistics.median(values) for values in zip(*runs))
        for which, runs in results.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--lib", required=True, help="the library to preload")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    if args.rounds < 1:
        parser.error("--rounds has to be at least 1")
    library = os.path.abspath(args.lib)
    if not os.path.isfile(library):
        parser.error(f"there is no library '{library}'; build it first")

    print(f"{'':26}  {'time, seconds':^24}  {'peak memory, MiB':^24}")
    print(f"{'program':26}" + f"  {'system':>8}{'hakmem':>8}{'ratio':>8}" * 2, flush=True)
    with tempfile.TemporaryDirectory(prefix="hakmem-try-") as directory:
        for program in real_programs.few(pathlib.Path(directory)):
            medians = measure(program, library, args.rounds)
            (base_time, base_peak), (time_, peak) = medians[None], medians[library]
            print(
                f"{program.name:26}"
                f"  {base_time:8.2f}{time_:8.2f}{time_ / base_time:8.2f}"
                f"  {base_peak / 1024:8.1f}{peak / 1024:8.1f}{peak / base_peak:8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
