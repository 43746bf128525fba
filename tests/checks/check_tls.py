#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library's static TLS fits what the loader keeps in reserve: PT_TLS of at most --limit bytes."""

import argparse

import common


def check(library, limit):
    sizes = []
    for line in common.run_tool("readelf", "-lW", library).splitlines():
        fields = line.split()
        if fields and fields[0] == "TLS":
            sizes.append(int(fields[5], 16))
    if len(sizes) != 1:
        return [f"{library}: {len(sizes)} TLS segments instead of one"]
    print(f"PT_TLS: {sizes[0]} bytes of {limit}")
    return [f"{library}: PT_TLS is {sizes[0]} bytes, more than {limit}"] if sizes[0] > limit else []


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library")
    parser.add_argument("--limit", type=int, default=1152)
    args = parser.parse_args()
    common.main(lambda: check(args.library, args.limit))


if __name__ == "__main__":
    main()
