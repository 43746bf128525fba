#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The performance report: tools/performance.py measures the cheapest section and writes the document
into a scratch place, without looking at any time.

--self-test makes the tables of made-up samples, of which every ratio is known.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import common

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("bench", "tools")]

from performance_parts import document, micro, ratios, sizes, suite  # noqa: E402

FAILED = {"failure": "SIGABRT", "detail": ""}


def check_document(text):
    lines = text.splitlines()
    violations = [] if "### Start-up" in lines else ["no section of start-up"]
    for name in ("hakmem", "system"):
        rows = [line.split(" | ") for line in lines if line.startswith(f"| {name} |")]
        if len(rows) != 1 or len(rows[0]) != 6:
            violations.append(f"no row of {name} with six cells: {rows}")
        elif not rows[0][2].isdigit():
            violations.append(f"{name} has no page faults: {rows[0]}")
    if "`micro`" not in next((line for line in lines if line.startswith("Sections that were not")), ""):
        violations.append("it does not say that the other sections were not measured")
    return violations


def check(build):
    with tempfile.TemporaryDirectory() as folder:
        docs = pathlib.Path(folder) / "docs"
        command = [
            sys.executable, ROOT / "tools" / "performance.py", "--build", build, "--dir", folder,
            "--quick", "--rounds", "1", "--section", "startup", "--report", "--docs", docs,
        ]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            return [f"performance.py ended with {done.returncode}: {done.stdout}"]
        return check_document((docs / "performance.md").read_text(encoding="utf-8"))


def made_up():
    """Behind x on `slow`, by 2, and level with y on `even`, on which x failed."""
    def samples(*times):
        return [{"time": time, "peak_rss_kib": 1024} for time in times]
    return {
        "allocators": ["hakmem", "x", "y"],
        "units": {"slow": "ns", "even": "ns"},
        "groups": {"slow": "one", "even": "one"},
        "untimed": [],
        "results": {
            "slow": {"hakmem": samples(7, 4, 1), "x": samples(2), "y": samples(4)},
            "even": {"hakmem": samples(3), "x": [FAILED], "y": samples(3)},
        },
    }


def has_lines(text, wanted):
    return [f"no line '{line}' in:\n{text}" for line in wanted if line not in text]


def check_ratios():
    text = ratios.tables(made_up())
    violations = has_lines(text, [
        "| one (2) | **2.00** † | 1.00 | **1.41** |",
        "| slow | time | one | 2.00 | x |",
        "| slow | 4.00 ns | 1.00..7.00 | **2.00** | 1.00 | **2.00** x |",
        "| even | 3.00 ns | 3.00..3.00 | SIGABRT | 1.00 | 1.00 y |",
    ])
    if "| even | time |" in text:
        violations.append("a row that is not behind is among those that are")
    return violations


def check_drift():
    content = made_up()
    if micro.drift(content):
        return ["a table of drift without a row of it"]
    for mean, sample in zip((1.25, 1.5, 1.375), content["results"]["slow"]["hakmem"]):
        sample.update(mean_rss_ratio=mean, end_rss_ratio=2 * mean)
    for name in ("x", "y"):
        content["results"]["slow"][name] = [FAILED]
    return has_lines(micro.tables(content), [
        "| slow, mean | 1.375 | SIGABRT | SIGABRT |", "| slow, end | 2.750 | SIGABRT | SIGABRT |"])


def check_sizes():
    """A cliff at 65 bytes, a rival at 64, a system call, and sizes between the doublings."""
    def samples(time):
        return [{"ops": 2, "seconds": time * 1e-9, "time": time}]
    times = {"pair 32": (10, 20), "pair 64": (20, 10), "pair 65": (50, 50), "pair 80": (30, 60)}
    rows = {row: {"hakmem": samples(ours), "x": samples(its)} for row, (ours, its) in times.items()}
    calls = [{"pattern": "pair", "size": 32, "calls": 0, "names": {}},
             {"pattern": "pair", "size": 64, "calls": 1.5, "names": {"madvise": 1.5}}]
    calls += [{**point, "pattern": "set", "calls": 0, "names": {}} for point in calls]
    text = sizes.tables({"allocators": ["hakmem", "x"], "units": dict.fromkeys(times, "ns"),
                         "untimed": [], "results": rows, "calls": calls})
    violations = has_lines(text, [
        "| pair 64 | 20.00 ns | 20.00..20.00 | **2.00** | **2.00** x |",
        "hakmem 1, x 1. Those of hakmem:", "| pair | 65 | 50.0 | 2.5 | step |",
        "at 1 of 4 sizes:", "- pair: 64 (2.00 x)", "| 64 | madvise 1.50 | – |"])
    if "| pair 65 | 50.00 ns" in text:
        violations.append("a size between the doublings is among them")
    return violations


def check_kinds():
    """What is said of rows behind is said of every kind of row that the list of them can have."""
    text = (document.DOCS / document.NAME).read_text(encoding="utf-8")
    text = text.partition("## What is behind")[2].partition("\n## ")[0]
    kinds = {*micro.GROUPS, micro.OTHER, *(one.group for one in suite.PROGRAMS), "programs"}
    return [f"docs/{document.NAME} says nothing of the kind `{kind}`" for kind in sorted(kinds)
            if f"`{kind}`" not in text]


def self_test():
    violations = [line for check_it in (check_ratios, check_drift, check_sizes, check_kinds) for line in check_it()]
    if not check_document("### Start-up\n| hakmem | 1 |\n"):
        violations.append("a document without its rows is found good")
    return violations


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--build", type=os.path.abspath)
    what.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    if args.self_test:
        common.main(self_test)
    else:
        common.main(lambda: check(args.build))


if __name__ == "__main__":
    main()
