#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library exports exactly the committed list, and nothing has a version.

A versioned malloc does not satisfy a reference to the C library's malloc: the library would load
and silently not be used. --update rewrites the list.
"""

import argparse
import pathlib

import common


def exported(library):
    names = []
    for line in common.run_tool("nm", "-D", "--defined-only", library).splitlines():
        fields = line.split()
        if len(fields) >= 2:
            names.append(fields[-1])
    return sorted(names)


def check(library, list_file):
    wanted = {
        line for line in list_file.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    }
    names = exported(library)
    versioned = [name for name in names if "@" in name]
    plain = {name.split("@")[0] for name in names}
    violations = [f"{name}: has a version" for name in versioned]
    violations += [f"{name}: exported, not in {list_file.name}" for name in sorted(plain - wanted)]
    violations += [f"{name}: in {list_file.name}, not exported" for name in sorted(wanted - plain)]
    return violations


def update(library, list_file):
    head = [
        line for line in list_file.read_text(encoding="utf-8").splitlines() if line.startswith("#")
    ]
    list_file.write_text("\n".join(head + exported(library)) + "\n", encoding="utf-8")
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library")
    parser.add_argument("list", type=pathlib.Path)
    parser.add_argument("--update", action="store_true", help="rewrite the list")
    args = parser.parse_args()
    common.main(lambda: (update if args.update else check)(args.library, args.list))


if __name__ == "__main__":
    main()
