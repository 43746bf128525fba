#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/boxes.md has the budgets of budgets.json as a table, and every profile has budgets.

    check_budgets.py              compare
    check_budgets.py --print      print the table
    check_budgets.py --write      put the table into the document
    check_budgets.py --self-test  run the comparison over made-up documents
"""

import argparse
import json
import pathlib
import tempfile

import common

BUDGETS = "tests/checks/budgets.json"
DOCUMENT = "docs/boxes.md"
BEGIN, END = "<!-- made by tests/checks/check_budgets.py --write -->", "<!-- end of budgets -->"
COMPILERS = ("gcc", "clang")
COUNTED = ("malloc", "free", "pair")
HEADER = ["profile", *(f"{what}, {compiler}" for compiler in COMPILERS for what in COUNTED)]


def rows_of(profile, budgets):
    """-> {what the row is called: {compiler: budgets}}; a key is a compiler and what is counted."""
    rows = {}
    for key, functions in budgets.items():
        compiler, *settings = key.split(", ")
        label = ", ".join([f"`{profile}`", *settings])
        rows.setdefault(label, {})[compiler] = functions
    return rows


def cell(budget):
    if not budget:
        return "–"
    text = str(budget["instructions"])
    if "branches" in budget:
        text += f" / {budget['branches']}"
    if budget.get("atomic operations"):
        text += f" / {budget['atomic operations']} atomic"
    return text


def table(root):
    budgets = json.loads((root / BUDGETS).read_text(encoding="utf-8"))
    lines = [HEADER, ["---"] + ["---:"] * (len(HEADER) - 1)]
    for profile, of_profile in budgets.items():
        for label, compilers in rows_of(profile, of_profile).items():
            found = [compilers.get(compiler, {}) for compiler in COMPILERS]
            lines.append([label, *(cell(each.get(what)) for each in found for what in COUNTED)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def parts(root):
    """-> what is before, between and after the marks in the document, or None."""
    text = (root / DOCUMENT).read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    between, end, after = rest.partition(END)
    return (before, between, after) if begin and end else None


def check(root):
    found = parts(root)
    if found is None:
        return [f"{DOCUMENT} has no place for the table: {BEGIN} ... {END}"]
    violations = []
    if found[1].strip() != table(root):
        violations.append(f"{DOCUMENT} differs from {BUDGETS}: run tests/checks/check_budgets.py --write")
    budgets = json.loads((root / BUDGETS).read_text(encoding="utf-8"))
    for profile in sorted((root / "profiles").glob("*.ini")):
        missing = [compiler for compiler in COMPILERS if compiler not in budgets.get(profile.stem, {})]
        if missing:
            violations.append(f"{BUDGETS}: profile {profile.stem} has no budgets for {', '.join(missing)}")
    return violations


def write(root):
    found = parts(root)
    if found is None:
        return check(root)
    before, _, after = found
    text = f"{before}{BEGIN}\n\n{table(root)}\n\n{END}{after}"
    (root / DOCUMENT).write_text(text, encoding="utf-8")
    return check(root)


MADE_UP = {
    "small": {
        "gcc": {"malloc": {"instructions": 12, "branches": 2}, "pair": {"instructions": 39}},
        "clang": {},
        "gcc, stats=full": {"free": {"instructions": 22, "branches": 3, "atomic operations": 1}},
    }
}
MADE_UP_TABLE = """\
| profile | malloc, gcc | free, gcc | pair, gcc | malloc, clang | free, clang | pair, clang |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
| `small` | 12 / 2 | – | 39 | – | – | – |
| `small`, stats=full | – | 22 / 3 / 1 atomic | – | – | – | – |"""
# document, other profiles, violations
CASES = (
    (f"a\n{BEGIN}\n\n{MADE_UP_TABLE}\n\n{END}\nb\n", (), 0),
    (f"a\n{BEGIN}\n{MADE_UP_TABLE.replace('39', '38')}\n{END}\nb\n", (), 1),
    (f"a\n{BEGIN}\n{END}\nb\n", (), 1),
    (f"a\n{MADE_UP_TABLE}\n{END}\n", (), 1),
    (f"a\n{BEGIN}\n\n{MADE_UP_TABLE}\n", (), 1),
    (f"a\n{BEGIN}\n\n{MADE_UP_TABLE}\n\n{END}\nb\n", ("large",), 1),
)


def make_up(root, document, others):
    for name in (BUDGETS, DOCUMENT, "profiles/small.ini"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / BUDGETS).write_text(json.dumps(MADE_UP), encoding="utf-8")
    (root / DOCUMENT).write_text(document, encoding="utf-8")
    for name in ("small", *others):
        (root / "profiles" / f"{name}.ini").touch()


def self_test():
    violations = []
    for number, (document, others, expected) in enumerate(CASES):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            make_up(root, document, others)
            found = check(root)
            if len(found) != expected:
                violations.append(f"self-test: document {number} gave {found}")
            # what was written is what is compared, and nothing else has changed
            if parts(root) and not others and (write(root) or parts(root)[0::2] != ("a\n", "\nb\n")):
                violations.append(f"self-test: document {number} was not put right")
    return violations


def run(args):
    if args.self_test:
        return self_test()
    if args.print:
        print(table(args.root))
        return []
    return write(args.root) if args.write else check(args.root)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).parents[2])
    action = parser.add_mutually_exclusive_group()
    for name in ("print", "write", "self-test"):
        action.add_argument(f"--{name}", action="store_true")
    args = parser.parse_args()
    common.main(lambda: run(args))


if __name__ == "__main__":
    main()
