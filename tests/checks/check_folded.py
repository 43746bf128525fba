#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The boxes are folded away: what the compiler made of the entries that every allocation takes.

    entries   no indirect call or jump; in functions with a budget also no data but the thread's
              own, and the shortest path that does the work is within the budget
    lines     no source file of a box that is not seated is in the line table
    count     instructions of each allocation and its free in a driver's loop, under valgrind

The budgets are those of tests/checks/budgets.json for the variant, and in it for the compiler and
what the build counts: "default" is the composition without a name, "custom" one that was put together
by hand, which has no budgets.
"""

import argparse
import json
import pathlib
import re
import subprocess
import tempfile

import common
import machine_code

CUSTOM = "custom"
# what its budget is called: the driver's form, and number
PAIRS = {
    "pair": ("malloc", 64),
    "pair_8000": ("malloc", 8000),
    "pair_100000": ("malloc", 100_000),
    "pair_calloc": ("calloc", 64),
    "pair_aligned_alloc": ("aligned_alloc", 100),
    "pair_memalign": ("memalign", 100),
    "pair_posix_memalign": ("posix_memalign", 100),
    "pair_valloc": ("valloc", 100),
    "pair_free_sized": ("free_sized", 64),
    "mixed_400": ("mixed", 400),
    "mixed_8192": ("mixed", 8192),
}
BOX_FILE = re.compile(r"backends/([^/\s:]+)/([^/\s:]+)/[^\s:]*\.[ch]\b")
BARE_BOX_FILE = re.compile(r"^(hotbox|pool|os|decorator)_(\w+)\.[ch]\b", re.M)
COST = re.compile(r"\d+ (\d+)$")


class Missing(Exception):
    """A variant without budgets; the text names the key."""


def read_budgets(args):
    """Budgets by function, and of PAIRS. A function without one may call the C library."""
    if args.variant == CUSTOM:
        return {}
    budgets = json.loads(args.budgets.read_text(encoding="utf-8"))
    for key in (args.variant, args.compiler):
        if key not in budgets:
            raise Missing(f'{args.budgets.name}: no key "{key}" (variant {args.variant}, {args.compiler})')
        budgets = budgets[key]
    return budgets


def is_library_call(instruction):
    """A direct call as -fno-plt spells it: through the function's own slot."""
    return instruction.data_address is not None


def check_data(function, code, data, allowed):
    violations = []
    for instruction in code:
        address = instruction.data_address
        if address is None or instruction.is_call or instruction.is_jump:
            continue
        name = data.name(address)
        if name not in allowed:
            violations.append(f"{function}: reads {name}: {instruction.text}")
    return violations


def check_folded(function, code, calls_library):
    return [
        f"{function}: an indirect call or jump: {instruction.text}"
        for instruction in code
        if instruction.is_indirect and not (calls_library and is_library_call(instruction))
    ]


def check_length(function, code, budget):
    violations = []
    path = machine_code.shortest_working_path(code)
    if path is None:
        return violations + [f"{function}: no path does the work without a call"]
    branches = sum(instruction.is_branch for instruction in path)
    print(f"{function}: {len(path)} instructions, {branches} branches on the shortest working path")
    for instruction in path:
        print(f"    {instruction.text}")
    atomics = sum(instruction.locked for instruction in path)
    for what, number in (
        ("instructions", len(path)), ("branches", branches), ("atomic operations", atomics),
    ):
        if number > budget.get(what, 0):
            violations.append(f"{function}: {number} {what}, the budget is {budget.get(what, 0)}")
    return violations


def entries(args):
    data = machine_code.Data(args.library)
    budgets = read_budgets(args)
    violations = []
    for function in args.function:
        code = machine_code.disassemble(args.library, function)
        budget = budgets.get(function)
        # the others may call the C library, and are as long as they have to be
        violations += check_folded(function, code, budget is None)
        if budget is not None:
            violations += check_length(function, code, budget)
            violations += check_data(function, code, data, args.allow)
    return violations


def lines(args):
    text = common.run_tool("readelf", "--debug-dump=decodedline", args.library)
    if not re.search(r"\.[ch]\b", text):
        raise common.Skip("the library has no line table; configure with -Ddebug=true")
    found = set(BOX_FILE.findall(text)) | set(BARE_BOX_FILE.findall(text))
    print("boxes in the line table:", " ".join(sorted("/".join(box) for box in found)))
    seated = {tuple(box.split("/")) for box in args.box}
    violations = [f"{'/'.join(box)} is not seated and has code" for box in sorted(found - seated)]
    if not found & seated:
        violations.append("no seated box is in the line table: it cannot be read")
    return violations


def cost_without(driver, profile):
    """Instructions in all files but the driver, of an uncompressed profile of callgrind. Stubs through
    which the driver calls may be in none."""
    total, counted, is_callees = 0, True, False
    for line in profile.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("ob="):
            counted = line[3:] not in (driver, "???")
        found = COST.match(line)
        if found and counted and not is_callees:
            total += int(found[1])
        is_callees = line.startswith("calls=")
    return total


def collected(library, driver, pairs, form, number):
    """Instructions of a run of the driver, without its own. The loader hands LD_PRELOAD to it alone."""
    profile = library.with_name("profile")
    command = [
        "valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", "--compress-strings=no",
        "--compress-pos=no", "--trace-children=no", driver, str(pairs), form, str(number),
    ]
    try:
        done = subprocess.run(
            ["env", f"LD_PRELOAD={library}", *command], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, check=False,
        )
    except FileNotFoundError as missing:
        raise common.Skip(str(missing)) from missing
    if done.returncode == 127:
        raise common.Skip("valgrind is not installed")
    if done.returncode != 0:
        raise RuntimeError(f"valgrind: status {done.returncode}\n{done.stderr}")
    return cost_without(driver, profile)


def each_pair(library, driver, form, number):
    """-> instructions of one pair, without the loop, which each compiler makes of another length"""
    few, many = 50_000, 150_000
    base = collected(library, driver, few, form, number)
    return (collected(library, driver, many, form, number) - base) / (many - few)


def count(args):
    budgets = read_budgets(args)
    violations = []
    with tempfile.TemporaryDirectory() as directory:
        # valgrind 3.19 gives up on the debug information of clang 14
        bare = pathlib.Path(directory).resolve() / "library.so"
        common.run_tool("objcopy", "--strip-debug", args.library, bare)
        for name in [name for name in PAIRS if name in budgets] or ["pair"]:
            form, number = PAIRS[name]
            each = each_pair(bare, str(pathlib.Path(args.driver).resolve()), form, number)
            print(f"{name} ({form} {number}): {each:.2f} instructions")
            if each < 1:
                violations.append(f"{name}: no instruction was counted")
            budget = budgets.get(name, {"instructions": each})["instructions"]
            if round(each, 1) > budget:
                violations.append(f"{name}: {each:.2f} instructions, the budget is {budget}")
    return violations


def run(args):
    checks = {"entries": entries, "lines": lines, "count": count}
    try:
        return checks[args.what](args)
    except Missing as missing:
        return [str(missing)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=("entries", "lines", "count"))
    parser.add_argument("library")
    parser.add_argument("--variant", default="default")
    parser.add_argument("--compiler", default="gcc", help="whose budgets: a key of the variant's")
    parser.add_argument("--budgets", type=pathlib.Path,
                        default=pathlib.Path(__file__).with_name("budgets.json"))
    parser.add_argument("--function", action="append", default=[])
    parser.add_argument("--allow", action="append", default=["tls:hk_tls"], help="data symbol")
    parser.add_argument("--box", action="append", default=[], help="a seated box, as kind/name")
    parser.add_argument("--driver")
    args = parser.parse_args()
    common.main(lambda: run(args))


if __name__ == "__main__":
    main()
