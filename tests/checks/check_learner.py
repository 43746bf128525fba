#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A library with policy=frozen has nothing of the learner: neither its state nor its decision nor its
part of the report. With --present the library must have its state, so that the check is seen to find
it.
"""

import argparse

import common

LEARNER = {"learn", "hk_policy_decide", "hk_report_policy"}


def defined(library):
    lines = common.run_tool("nm", "--defined-only", library).splitlines()
    # a compiler may add a suffix: learn.lto_priv.0
    names = {line.split()[-1].split(".")[0] for line in lines}
    if "hk_cold_child" not in names:
        raise common.Skip("the library has no symbols of its own")
    return names


def check(args):
    found = sorted(LEARNER & defined(args.library))
    if args.present:
        return [] if "learn" in found else [f"{args.library}: the learner's state was not found"]
    return [f"of the learner: {name}" for name in found]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library")
    parser.add_argument("--present", action="store_true", help="demand that it is there")
    args = parser.parse_args()
    common.main(lambda: check(args))


if __name__ == "__main__":
    main()
