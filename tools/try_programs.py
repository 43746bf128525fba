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

PYTHON_PROGRAM = """
import json
records = [{"id": i, "name": f"record {i}", "tags": [str(i % k) for k in (3, 5, 7)]} for i in range(60_000)]
for _ in range(3):
    text = json.dumps(records)
    records = json.loads(text)
    records.sort(key=lambda r: (r["tags"], -r["id"]))
    index = {r["name"]: r for r in records}
    words = " ".join(index).split()
assert len(index) == 60_000
"""

SQL_PROGRAM = """
pragma temp_store = memory;
create table item(id integer primary key, name text, amount real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 400000)
insert into item select i, 'name ' || (i * 7919 % 400000), i * 0.5 from n;
create index item_name on item(name);
select count(*), sum(amount) from item where name like 'name 1%';
select name, group_concat(id) from item group by substr(name, 1, 7) order by 1 limit 3;
update item set name = upper(name) where id % 3 = 0;
select count(distinct name) from item;
"""


def c_program(function_count):
    """A C file that keeps a compiler busy."""
    lines = ["#include <stdio.h>", "struct point { double x, y; long tag; };"]
    for i in range(function_count):
        lines.append(
            f"static long work{i}(struct point *p, long n)\n{{\n"
            f"    long sum = {i};\n"
            "    for (long i = 0; i < n; i++) {\n"
            f"        p[i].x = p[i].y * {i + 1} + (double)sum;\n"
            f"        switch ((p[i].tag + sum) % 5) {{\n"
            f"        case 0: sum += p[i].tag ^ {i}; break;\n"
            "        case 1: sum -= (long)p[i].x; break;\n"
            f"        case 2: sum = sum * 31 + {i}; break;\n"
            "        default: printf(\"%ld\\n\", sum); break;\n"
            "        }\n    }\n    return sum;\n}"
        )
    calls = " + ".join(f"work{i}(p, n)" for i in range(function_count))
    lines.append(f"long all(struct point *p, long n)\n{{\n    return {calls};\n}}")
    return "\n".join(lines) + "\n"


class Program:
    def __init__(self, label, command, stdin=None, environment=None):
        self.label = label
        self.command = command
        self.stdin = stdin
        self.environment = environment or {}


def programs(directory):
    script = directory / "program.py"
    script.write_text(PYTHON_PROGRAM, encoding="utf-8")
    sql = directory / "program.sql"
    sql.write_text(SQL_PROGRAM, encoding="utf-8")
    source = directory / "program.c"
    source.write_text(c_program(250), encoding="utf-8")
    return [
        # Python's own small-object pools would hide the allocator
        Program("python3, JSON and sorting", [sys.executable, str(script)],
                environment={"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}),
        Program("sqlite3, 400000 rows", ["sqlite3", ":memory:"], stdin=sql),
        Program("gcc -O2, 250 functions",
                ["gcc", "-O2", "-c", str(source), "-o", str(directory / "program.o")]),
    ]


def run_once(program, library):
    """(seconds, peak KiB) of one run."""
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    environment.update(program.environment, LC_ALL="C")
    if library:
        environment["LD_PRELOAD"] = library
    with open(program.stdin or os.devnull, "rb") as stdin:
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
        for program in programs(pathlib.Path(directory)):
            medians = measure(program, library, args.rounds)
            (base_time, base_peak), (time_, peak) = medians[None], medians[library]
            print(
                f"{program.label:26}"
                f"  {base_time:8.2f}{time_:8.2f}{time_ / base_time:8.2f}"
                f"  {base_peak / 1024:8.1f}{peak / 1024:8.1f}{peak / base_peak:8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
