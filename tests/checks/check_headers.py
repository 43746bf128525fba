#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each header compiles alone, twice in a row, in both forms of the thread's bins, without a warning.

    check_headers.py --root DIR --include DIR ... -- COMPILER [ARG...]
"""

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys

import common

WARNINGS = ["-std=gnu11", "-Wall", "-Wextra", "-Wpedantic", "-Wstrict-prototypes", "-Werror"]
FORMS = ["-DHK_TLS_BINS=1", "-DHK_TLS_BINS=0", "-DHK_TLS_BINS=1 -DHK_PORTABLE=1"]


def headers(root):
    for directory in ("src", "backends", "include"):
        yield from sorted((root / directory).rglob("*.h"))


def compile_alone(compiler, includes, header, form):
    """The compiler's complaint, or None."""
    command = compiler + form.split() + WARNINGS + [f"-I{path}" for path in includes]
    # a translation unit has to hold something, for -Wpedantic
    source = f'#include "{header}"\n#include "{header}"\nextern int hk_not_empty;\n'
    done = subprocess.run(
        command + ["-fsyntax-only", "-x", "c", "-"], input=source, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )
    return None if done.returncode == 0 else f"{header} alone, {form}:\n{done.stdout}"


def check(root, includes, compiler):
    work = [(header, form) for header in headers(root) for form in FORMS]
    if not work:
        raise RuntimeError(f"no headers below {root}")
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        results = pool.map(lambda item: compile_alone(compiler, includes, *item), work)
    return [result for result in results if result]


def main():
    own, _, compiler = " \0".join(sys.argv[1:]).partition(" \0-- \0")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--include", action="append", default=[])
    args = parser.parse_args(own.split(" \0"))
    common.main(lambda: check(args.root, args.include, compiler.split(" \0")))


if __name__ == "__main__":
    main()
