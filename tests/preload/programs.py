#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other people's programs under preload: each must do the same as without.

usage: programs.py --library FILE [--program FILE] NAME
Ends with 0 if so, 1 with the difference on standard error, 77 if the program cannot run here.
"""

import argparse
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import redis_server
import runner
import scripts


def run_python(args, folder):
    command = [sys.executable, "-I", "-c"]
    runner.prove([*command, "pass"], args.library, folder)
    for allocator in ("malloc", "pymalloc"):
        runner.compare(
            [sys.executable, "-s", "-c", scripts.PYTHON],
            args.library,
            folder,
            PYTHONMALLOC=allocator,
        )


def run_perl(args, folder):
    perl = runner.find("perl")
    runner.prove([perl, "-e", "1"], args.library, folder)
    runner.compare([perl, "-e", scripts.PERL], args.library, folder)


def run_node(args, folder):
    node = runner.find("node")
    runner.prove([node, "-e", "1"], args.library, folder)
    runner.compare([node, "-e", scripts.NODE], args.library, folder)


def run_bash(args, folder):
    bash = runner.find("bash")
    runner.prove([bash, "-c", ":"], args.library, folder)
    runner.compare([bash, "-c", scripts.BASH], args.library, folder)


def run_sqlite(args, folder):
    sqlite = runner.find("sqlite3")
    runner.prove([sqlite, ":memory:"], args.library, folder)
    runner.compare([sqlite, "-batch", ":memory:"], args.library, folder, text=scripts.SQLITE)


def run_gcc(args, folder):
    gcc = runner.find("gcc")
    source = pathlib.Path(folder) / "large.c"
    source.write_text(scripts.c_source(400), encoding="utf-8")
    (pathlib.Path(folder) / "small.c").write_text("int a;\n", encoding="utf-8")
    runner.prove([gcc, "-S", "-o", "-", "small.c"], args.library, folder)
    command = [gcc, "-O2", "-g", "-S", "-o", "-", "large.c"]
    _, code, _ = runner.compare(command, args.library, folder)
    if len(code) < 100000:
        raise runner.Failure(f"only {len(code)} bytes of code")


def run_sort(args, folder):
    sort = runner.find("sort")
    numbers = random.Random(7)
    lines = "".join(f"{numbers.getrandbits(60):x} {i}\n" for i in range(300000))
    (pathlib.Path(folder) / "lines").write_text(lines, encoding="utf-8")
    runner.prove([sort], args.library, folder)
    for options in ("--parallel=4 -S 8M", "--parallel=2 -n -k2", "-u -S 1M"):
        runner.compare([sort, *options.split(), "lines"], args.library, folder)


def run_git(args, folder):
    git = runner.find("git")
    bash = runner.find("bash")
    runner.prove([git, "hash-object", "--stdin"], args.library, folder)
    runner.compare(
        [bash, "-e", "-c", scripts.GIT],
        args.library,
        folder,
        HOME=folder,
        GIT_CONFIG_NOSYSTEM="1",
        GIT_AUTHOR_DATE="2001-02-03T04:05:06Z",
        GIT_COMMITTER_DATE="2001-02-03T04:05:06Z",
    )


def run_threaded(args, folder):
    if args.program is None:
        raise runner.Skip("--program is missing")
    runner.prove([args.program, "1"], args.library, folder)
    runner.compare([args.program, "40"], args.library, folder)


PROGRAMS = {
    "bash": run_bash,
    "gcc": run_gcc,
    "git": run_git,
    "node": run_node,
    "perl": run_perl,
    "python": run_python,
    "redis": redis_server.run,
    "sort": run_sort,
    "sqlite": run_sqlite,
    "threaded": run_threaded,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", required=True)
    parser.add_argument("--program", type=os.path.abspath)
    parser.add_argument("name", choices=PROGRAMS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            PROGRAMS[args.name](args, folder)
        except runner.Skip as skip:
            print(skip)
            return 77
        except (runner.Failure, subprocess.TimeoutExpired) as failure:
            print(failure, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
