#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Wrong options stop configuration with one sentence that says what is valid; right ones do not.

    check_options.py --meson MESON --source DIR TABLE

Each row of TABLE is run as `meson setup` of a new directory. A row is

    OPTIONS | MESSAGE       the error is MESSAGE, word for word
    OPTIONS | ~ WORDS       Meson's own error, which differs by version, has each of WORDS in it
    OPTIONS | accepted

and `#` at its start makes a line a comment. --self-test runs rows over a made-up meson.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

import common

ERROR = re.compile(r"^(?:\S*meson\.build:\d+:\d+: )?ERROR: (?:Problem encountered: )?(.*)$", re.M)
# the rest of the project does not look at what is checked here, and takes time
QUICKLY = ["-Dtests=disabled", "-Dbench=false"]


def rows(path):
    """(line number, options, what Meson should say)"""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        options, bar, message = line.partition(" | ")
        if not bar:
            raise RuntimeError(f"{path}:{number}: there is no ' | ' in the row")
        yield number, options, message.strip()


def configure(meson, source, options):
    """-> (exit status, the errors that Meson printed)"""
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            [*meson, "setup", directory, str(source), *QUICKLY, *shlex.split(options)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            env={**os.environ, "LC_ALL": "C"}, check=False,
        )
    return done.returncode, ERROR.findall(done.stdout)


def judge(status, errors, expected):
    """What is wrong with Meson's answer, or None."""
    if expected == "accepted":
        return f"was refused: {' '.join(errors)}" if status else None
    if status == 0:
        return "was accepted"
    if len(errors) != 1:
        return f"gave {len(errors)} errors instead of one: {errors}"
    if expected.startswith("~"):
        missing = [word for word in expected[1:].split() if word not in errors[0]]
        return f"said '{errors[0]}' without {' '.join(missing)}" if missing else None
    return None if errors[0] == expected else f"said '{errors[0]}' instead of '{expected}'"


def check(meson, source, path):
    work = list(rows(path))
    if not work:
        raise RuntimeError(f"{path} has no rows")
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        answers = pool.map(lambda row: configure(meson, source, row[1]), work)
        violations = []
        for (number, options, expected), answer in zip(work, answers):
            wrong = judge(*answer, expected)
            if wrong:
                violations.append(f"{path.name}:{number}: {options} {wrong}")
    return violations


# refuses -Da=bad in one sentence, -Da=worse in two, and everything else not at all
MESON = """\
import sys
if "-Da=bad" in sys.argv:
    sys.exit("x/meson.build:1:2: ERROR: Problem encountered: a=bad: choose good")
if "-Da=worse" in sys.argv:
    sys.exit("ERROR: one\\nERROR: two")
"""
RIGHT = ["-Da=bad | a=bad: choose good", "-Da=bad | ~ choose good", "-Da=good | accepted"]
WRONG = [
    "-Da=bad | a=bad: choose", "-Da=bad | ~ choose best", "-Da=bad | accepted",
    "-Da=good | a=good: choose better", "-Da=worse | one", "-Da=worse | ~ one",
]


def self_test():
    violations = []
    with tempfile.TemporaryDirectory() as directory:
        meson = pathlib.Path(directory) / "meson.py"
        table = pathlib.Path(directory) / "table.txt"
        meson.write_text(MESON, encoding="utf-8")
        for row in RIGHT + WRONG:
            table.write_text(f"# {row}\n\n{row}\n", encoding="utf-8")
            found = check([sys.executable, str(meson)], directory, table)
            if (len(found) == 1) != (row in WRONG):
                violations.append(f"self-test: {row} gave {found}")
    return violations


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--meson", action="append", default=[], help="word of the command")
    parser.add_argument("--source", type=pathlib.Path, default=pathlib.Path(__file__).parents[2])
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("table", type=pathlib.Path, nargs="?",
                        default=pathlib.Path(__file__).with_name("options.txt"))
    args = parser.parse_args()
    meson = args.meson or ["meson"]
    common.main(self_test if args.self_test else lambda: check(meson, args.source, args.table))


if __name__ == "__main__":
    main()
