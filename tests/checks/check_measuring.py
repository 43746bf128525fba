#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tools that measure more than time a row say what they should, on runs that take a moment.

    check_measuring.py sweep LIBRARY --build DIR
    check_measuring.py syscalls LIBRARY --build DIR
    check_measuring.py atomics LIBRARY --build DIR --without LIBRARY-WITHOUT-ATOMICS
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import common

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools"
sys.path.insert(0, str(ROOT / "bench"))

import harness  # noqa: E402
import size_sweep  # noqa: E402


def call(tool, *arguments):
    return subprocess.run(
        [sys.executable, TOOLS / tool, *arguments], text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
    )


def run(args, tool, *arguments):
    """What the tool writes as JSON; it has to end well."""
    with tempfile.TemporaryDirectory() as scratch:
        output = os.path.join(scratch, "out.json")
        done = call(tool, "--build", args.build, "--hakmem", args.library, "--json", output, *arguments)
        if done.returncode != 0:
            raise RuntimeError(f"{tool}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return json.loads(pathlib.Path(output).read_text(encoding="utf-8"))


def refuses(said, tool, *arguments):
    done = call(tool, *arguments)
    if done.returncode != 2 or said not in done.stderr:
        yield f"{tool} {' '.join(map(str, arguments))}: status {done.returncode}, '{done.stderr}'"


def check_sweep(args):
    found = run(args, "sweep.py", "--quick", "--min", "64", "--max", "128")
    points = {(point["pattern"], point["size"]): point["samples"] for point in found["points"]}
    wanted = {(pattern, size) for pattern in ("pair", "set") for size in (64, 65, 80, 96, 112, 128)}
    if set(points) != wanted:
        yield f"points are {sorted(points)}"
    for key, samples in points.items():
        ops = {sample["ops"] for runs in samples.values() for sample in runs}
        if set(samples) != {"hakmem", "system"} or len(ops) != 1 or 0 in ops:
            yield f"{key}: {samples}"
    yield from refuses("no size from 18 to 19", "sweep.py", "--build", args.build, "--hakmem",
                       args.library, "--min", "18", "--max", "19")


def check_syscalls(args):
    common.run_tool("strace", "-V")
    if subprocess.run(["strace", "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise common.Skip("processes cannot be traced here")
    points = run(args, "sweep.py", "--syscalls", "--quick", "--min", "64", "--max", "64")["points"]
    if [point["pattern"] for point in points] != ["pair", "set"]:
        yield f"points are {points}"
    for point in points:
        if point["calls"] >= 0.1:
            yield f"steps of 64 bytes make system calls: {point}"
    # the C library maps and unmaps a block of 64 MiB each time, and that has to be seen
    seen = size_sweep.measure_calls(
        harness.Allocator("system", ""), pathlib.Path(args.build) / "bench", [64 << 20], scale=1, timeout=60,
        progress=lambda text: None)
    if seen[0].get("calls", 0) < 1000:
        yield f"system calls were not seen: {seen[0]}"


def check_atomics(args):
    count = 20000
    found = run(args, "atomics.py", "--workload", "hand_off", "--count", str(count))
    if found["ops"] != {"hand_off": 2 * count}:
        yield f"operations are {found['ops']}"
    entries = found["entries"]
    kinds = {entry["kind"]: 0 for entry in entries}
    for entry in entries:
        kinds[entry["kind"]] += entry["executions"]
        if not entry["source"].startswith(("src/", "backends/")):
            yield f"no source: {entry}"
    # each lock that is taken is given back; blocks come home by an exchange
    if not kinds.get("atomic") or not kinds.get("take") or kinds["take"] != kinds.get("give"):
        yield f"executions by kind are {kinds}"
    yield from refuses("no atomic operation", "atomics.py", "--build", args.build, "--hakmem",
                       args.without)


CHECKS = {"sweep": check_sweep, "syscalls": check_syscalls, "atomics": check_atomics}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=CHECKS)
    parser.add_argument("library")
    parser.add_argument("--build", required=True)
    parser.add_argument("--without", help="a library that has to be refused")
    args = parser.parse_args()
    os.environ.pop("LD_PRELOAD", None)
    # Meson's, which has the C library fill each block
    os.environ.pop("MALLOC_PERTURB_", None)
    common.main(lambda: list(CHECKS[args.what](args)))


if __name__ == "__main__":
    main()
