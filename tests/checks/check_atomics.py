#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A library for one thread (threads=single) has no atomic operation: no locked instruction and no
exchange with memory, which locks by itself. With --present the library must have one, so that the
check is seen to find them.
"""

import argparse
import re

import common

LOCKED = re.compile(r"\t(?:lock\b.*|xchg\w*\s.*\(.*\).*)$", re.M)


def find(library):
    return LOCKED.findall(common.run_tool("objdump", "-d", "--no-show-raw-insn", library))


def check(args):
    found = find(args.library)
    if args.present:
        return [] if found else [f"{args.library}: no atomic operation was found"]
    return [f"an atomic operation: {text.strip()}" for text in found]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library")
    parser.add_argument("--present", action="store_true", help="demand at least one")
    args = parser.parse_args()
    common.main(lambda: check(args))


if __name__ == "__main__":
    main()
