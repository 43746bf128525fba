#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a formatter does not see: length of files and functions, licence lines, leftovers.

Functions are found by their braces in column 0, which is how the formatter lays them out.
--self-test runs the rules over made-up files with a violation of each.
"""

import argparse
import pathlib
import re
import tempfile

import common

FILE_LINES = 500
FUNCTION_LINES = 60
COLUMNS = 100
FOLDERS = ("src", "backends", "include", "tools", "bench", "tests", "profiles", "subprojects", "man",
           "tables")
ROOT_FILES = ("meson.build", "meson_options.txt", ".ci/run", ".clang-format")
C_SUFFIXES = {".c", ".h"}
LICENSED = C_SUFFIXES | {".py", ".sh", ".ini", ".map", ".in", ".cc", ".cpp", ".1", ".pml"}
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX)\b")  # style: the words looked for


def files(root):
    found = [root / name for name in ROOT_FILES if (root / name).is_file()]
    for folder in FOLDERS:
        found += (path for path in (root / folder).rglob("*") if path.is_file())
    for path in sorted(found):
        parts = path.relative_to(root).parts
        unpacked = parts[0] == "subprojects" and len(parts) > 2 and parts[1] != "packagefiles"
        if not unpacked and "__pycache__" not in parts:
            yield path


def needs_license(path):
    return path.suffix in LICENSED or path.name in ("meson.build", "run", ".clang-format")


def check_lines(name, path, lines):
    for number, line in enumerate(lines, 1):
        where = f"{name}:{number}"
        if LEFTOVER.search(line) and "style: the words" not in line:
            yield f"{where}: unfinished work is written down elsewhere"
        if line != line.rstrip():
            yield f"{where}: blanks at the end"
        if path.suffix in C_SUFFIXES:
            if "\t" in line:
                yield f"{where}: a tab"
            if len(line) > COLUMNS:
                yield f"{where}: {len(line)} columns, more than {COLUMNS}"


def check_functions(name, lines):
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            length = number - start - 1
            if length > FUNCTION_LINES:
                yield f"{name}:{start}: a function of {length} lines, more than {FUNCTION_LINES}"
            start = None


def check_file(root, path):
    name = path.relative_to(root)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return [f"{name}: not UTF-8"]
    lines = text.split("\n")
    violations = []
    if text and lines.pop() != "":
        violations.append(f"{name}: no newline at the end")
    if needs_license(path) and not any("SPDX-License-Identifier: MIT" in x for x in lines[:2]):
        violations.append(f"{name}: no SPDX line at the start")
    violations += check_lines(name, path, lines)
    if path.suffix in C_SUFFIXES | {".py", ".sh"} and len(lines) > FILE_LINES:
        violations.append(f"{name}: {len(lines)} lines, more than {FILE_LINES}")
    if path.suffix in C_SUFFIXES:
        violations += check_functions(name, lines)
    return violations


def check(root):
    return [violation for path in files(root) for violation in check_file(root, path)]


LICENSE = "/* SPDX-License-Identifier: MIT */\n"
BAD = {
    "src/long.c": LICENSE + "int a;\n" * FILE_LINES,
    "src/function.c": LICENSE + "int f(void)\n{\n" + "    g();\n" * (FUNCTION_LINES + 1) + "}\n",
    "src/license.c": "int a;\n",
    "src/left.c": LICENSE + "/* TO" + "DO: more */\n",
    "src/tab.c": LICENSE + "\tint a;\n",
    "src/wide.c": LICENSE + "/* " + "x" * COLUMNS + " */\n",
    "src/blank.c": LICENSE + "int a; \n",
    "src/end.c": LICENSE + "int a;",
}
GOOD = {
    "src/good.c": LICENSE + "int f(void)\n{\n" + "    g();\n" * FUNCTION_LINES + "}\n",
    "src/meson.build": "# SPDX-License-Identifier: MIT\n",
}


def self_test():
    violations = []
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        (root / "src").mkdir()
        for name, text in {**GOOD, **BAD}.items():
            (root / name).write_text(text, encoding="utf-8")
            found = check(root)
            if (len(found) == 1) != (name in BAD):
                violations.append(f"self-test: {name} gave {found}")
            (root / name).unlink()
    return violations


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).parents[2])
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    common.main(self_test if args.self_test else lambda: check(args.root))


if __name__ == "__main__":
    main()
