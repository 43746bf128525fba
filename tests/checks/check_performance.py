#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The performance report: tools/performance.py measures the cheapest sections and writes the document
into a scratch place, without looking at any time.

--self-test makes the tables of made-up samples, of which every ratio is known. --atomics LIBRARY: what
is said of atomic operations is said of all that the library has. --rounding LIBRARY: blocks are as
large as the section `fragmentation` computes.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import common

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("bench", "tools", "tables")]

import atomic_sites  # noqa: E402
import harness  # noqa: E402
import performance  # noqa: E402
import size_rules  # noqa: E402
import size_suggest  # noqa: E402
from performance_parts import atomic_counts, contention, document  # noqa: E402
from performance_parts import fragmentation, micro, ratios, scaling, sizes, suite  # noqa: E402

HISTOGRAMS = sorted(fragmentation.HISTOGRAMS.glob("*.txt"))
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
    for path in HISTOGRAMS:
        if not re.search(rf"^\| {path.stem} \| \d+ \|.* \d+\.\d % \|$", text, re.M):
            violations.append(f"no row of {path.stem} with its requests and what they leave unused")
    if not re.search(r"Machine: .+; the first write to a page takes \d\S* µs, .*a system call \S+ µs\.", text):
        violations.append("no machine with what a page and a system call take")
    if "`micro`" not in next((line for line in lines if line.startswith("Sections that were not")), ""):
        violations.append("it does not say that the other sections were not measured")
    return violations


def check(build):
    with tempfile.TemporaryDirectory() as folder:
        docs = pathlib.Path(folder) / "docs"
        command = [
            sys.executable, ROOT / "tools" / "performance.py", "--build", build, "--dir", folder,
            "--quick", "--rounds", "1", "--section", "startup", "--section", "fragmentation",
            "--report", "--docs", docs,
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


def check_held():
    content = made_up()
    if micro.held(content):
        return ["a table of bursts without a row of them"]
    burst = {name: [dict(sample, end_rss_kib=end) for sample, end in zip(samples, (512, 256, 128))]
             for name, samples in content["results"]["slow"].items()}
    content["results"]["burst_slow"] = {**burst, "y": [FAILED]}
    content["units"]["burst_slow"], content["groups"]["burst_slow"] = "ns", "one"
    return has_lines(micro.tables(content), ["| burst_slow | 25% | 50% | SIGABRT |"])


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


def check_rounding_up():
    classes = size_rules.load(size_rules.DEFAULT).classes
    wanted = {0: 16, 1: 16, 16: 16, 17: 32, 1024: 1024, 1025: 1152, 8193: 10240, 262144: 262144,
              262145: 327680, 1 << 20: 1 << 20}
    violations = [f"a block for {size} is {fragmentation.block_size(size, classes)}, not {block}"
                  for size, block in wanted.items()
                  if fragmentation.block_size(size, classes) != block]
    found = fragmentation.add_up({10: 3, 1025: 1}, classes)
    content = {"results": {"made up": {part: [numbers] for part, numbers in found.items()}}}
    return violations + has_lines(fragmentation.tables(content), [
        "| made up | 4 | 263.8 | 6.0 | 127.0 | – | 36.2 | 12.1 % |"])


def check_contention():
    """A function that is not known is named, and all that are known are in the sources."""
    sites = {("push", "src/coldbox/remote.c:1"), ("push", "src/coldbox/none.c:2 (discriminator 3)")}
    found = contention.unknown(sites)
    violations = contention.stale(ROOT)
    if len(found) != 1 or not found[0].startswith("src/coldbox/none.c: push has"):
        violations.append(f"of one unknown function it says {found}")
    lines = (ROOT / "src/coldbox/remote.c").read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "hk_atomic_cas(&heap->queue" in text)
    if contention.name_of(ROOT, "send_entry", f"src/coldbox/remote.c:{line}") != "push":
        violations.append("a function that was inlined is not found by its line")
    if performance.failures({**made_up(), "wrong": found})[:1] != found:
        violations.append("the tool does not fail by it")
    if not contention.stale(ROOT / "tests"):
        violations.append("functions that are nowhere are not found stale")
    return violations


def repairmen(threads, think, service):
    """The rate of scaling.throughput() in closed form: a server that idles with probability `idle`."""
    term, total = 1.0, 1.0
    for count in range(threads, 0, -1):
        term *= count * service / think
        total += term
    return (1 - 1 / total) / service


def check_scaling():
    """The model's rates are those of theory, and its demands those of the counts."""
    violations = []
    for threads, think, service in ((1, 70, 30), (2, 100, 100), (8, 500, 40), (128, 9000, 100)):
        rate, wanted = scaling.throughput(threads, think, service), repairmen(threads, think, service)
        if abs(rate / wanted - 1) > 1e-9:
            violations.append(f"{threads} threads visit {rate} a ns, not {wanted}")
    entries = [
        {"row": row, "function": function, "source": f"src/coldbox/{file}:1", "kind": kind,
         "executions": 1, "per_million": count}
        for row, function, file, kind, count in (
            ("a", "hk_slices_get", "superslab.c", "take", 1000),
            ("a", "hk_slices_get", "superslab.c", "give", 1000),
            ("b", "hk_slices_put", "superslab.c", "take", 2000),
            ("b", "claim_slices", "spans.c", "atomic", 10),
            ("b", "link_page", "warm.c", "atomic", 500000))]
    found = scaling.worst(scaling.demands(entries))
    if [(row, demand.visits) for row, demand in found.values()] != [("b", 2000), ("b", 10)]:
        violations.append(f"the worst rows are {found}")
    demand = next(iter(found.values()))[1]
    if not demand.speed(128) < demand.speed(2) < 1 or abs(
            demand.speed(128, demand.work(128)) - scaling.GOOD) > 1e-6:
        violations.append(f"speeds {demand.speed(2)}, {demand.speed(128)}, work {demand.work(128)}")
    return violations


def check_kinds():
    """What is said of rows behind is said of every kind of row that the list of them can have."""
    text = (document.DOCS / document.NAME).read_text(encoding="utf-8")
    text = text.partition("## What is behind")[2].partition("\n## ")[0]
    kinds = {*(row.group for row in harness.load_rows()), *(one.group for one in suite.PROGRAMS),
             "programs"}
    return [f"docs/{document.NAME} says nothing of the kind `{kind}`" for kind in sorted(kinds)
            if f"`{kind}`" not in text]


def self_test():
    checks = (check_ratios, check_drift, check_held, check_sizes, check_rounding_up, check_contention,
              check_scaling, check_kinds)
    violations = [line for check_it in checks for line in check_it()]
    if not check_document("### Start-up\n| hakmem | 1 |\n"):
        violations.append("a document without its rows is found good")
    return violations


def check_atomics(library):
    try:
        sites = atomic_counts.find_sites(library)
    except atomic_sites.NotUsable as error:
        raise common.Skip(str(error)) from None
    return contention.unknown({(site.function, site.source) for site in sites.values()})


USABLE = r"""
import ctypes, sys
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
for size in map(int, sys.stdin):
    print(size, libc.malloc_usable_size(ctypes.c_void_p(libc.malloc(ctypes.c_size_t(size)))))
"""


def check_rounding(library):
    classes = size_rules.load(size_rules.DEFAULT).classes
    asked = "\n".join(map(str, sorted(size_suggest.read_histogram(HISTOGRAMS))))
    done = subprocess.run([sys.executable, "-c", USABLE], input=asked, text=True, check=True,
                          stdout=subprocess.PIPE, env={**os.environ, "LD_PRELOAD": library})
    found = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    if not found:
        return ["no size was asked for"]
    return [f"a block for {size} is {block}, not {fragmentation.block_size(size, classes)}"
            for size, block in found if block != fragmentation.block_size(size, classes)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--build", type=os.path.abspath)
    what.add_argument("--self-test", action="store_true")
    what.add_argument("--atomics", type=os.path.abspath, metavar="LIBRARY")
    what.add_argument("--rounding", type=os.path.abspath, metavar="LIBRARY")
    args = parser.parse_args()
    if args.self_test:
        common.main(self_test)
    elif args.atomics:
        common.main(lambda: check_atomics(args.atomics))
    elif args.rounding:
        common.main(lambda: check_rounding(args.rounding))
    else:
        common.main(lambda: check(args.build))


if __name__ == "__main__":
    main()
