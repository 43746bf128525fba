#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check, show and make tables of size classes; Meson runs it to make hk_size_table.h.

    size_table.py check TABLE                 one line, or what is wrong with the table
    size_table.py report TABLE [HISTOGRAM...] each class with its worst waste, and the sums
    size_table.py chart TABLE                 the same as bars
    size_table.py suggest HISTOGRAM...        the best table for a program, as a file to keep
    size_table.py header TABLE                the C constants

A table is a text file of block sizes above 1 KiB, in bytes, ascending; a histogram one of lines
"size count" (tables/count_sizes.c makes one of a running program). `#` starts a comment in both.
Exit status: 0; 1 a bad table or histogram, with one sentence on stderr; 2 a bad command line.
"""

import argparse
import os
import pathlib
import sys
import textwrap

sys.dont_write_bytecode = True

import size_header as header  # noqa: E402
import size_rules as rules  # noqa: E402
import size_suggest as suggest  # noqa: E402

SUGGESTED = 44  # classes, as many as the default table has up to the default pool_max
BAR = 50  # columns


def share(part):
    return f"{part:5.1f} %"


def form(regular, log2, what):
    return f"{1 << log2} per doubling, arithmetic" if regular else what


def forms(table):
    """How each half is served."""
    regular, log2, cells, _ = header.fine_constants(table)
    fine = form(regular, log2, f"a lookup of {len(cells)} bytes")
    regular, log2, cells, _ = header.coarse_constants(table)
    coarse = form(regular, log2, f"a lookup of {len(cells)} bytes") if table.coarse else "none"
    return fine, coarse


def summary(table):
    """One line; the build takes its last word for how bins are found."""
    regular = header.fine_constants(table)[0] and header.coarse_constants(table)[0]
    return (f"{table.name}: {len(table.classes)} classes to {table.pool_max}, {table.bins} bins,"
            f" found by {'shift' if regular else 'lookup'}")


def edges(table):
    """(class below, class) of each class."""
    return zip([rules.TINY_MAX, *table.classes], table.classes)


def check(args):
    print(summary(rules.load(args.table, args.pool_max)))


def report(args):
    table = rules.load(args.table, args.pool_max)
    print(f"{'bytes':>8}  {'step':>6}  worst waste")
    for below, size in edges(table):
        print(f"{size:8}  {size - below:6}  {share(rules.waste(below, size))}")
    fine, coarse = forms(table)
    worst = max(rules.waste(*edge) for edge in edges(table))
    print(f"\n{summary(table)}")
    print(f"to {rules.FINE_MAX}: {len(table.fine)} classes, {fine}")
    print(f"above: {len(table.coarse)} classes, {coarse}")
    print(f"worst waste {share(worst).strip()} of a block, at most {rules.WASTE} % are allowed")
    for path in args.histogram:
        counts = suggest.read_histogram([path])
        waste = suggest.Waste(table.classes, counts)
        print(f"{rules.shown(path)}: {waste.requests} requests served,"
              f" {waste.percent:.2f} % of their blocks unused")


def chart(args):
    table = rules.load(args.table, args.pool_max)
    print(f"{'bytes':>8}  worst waste of a block; a full bar is {rules.WASTE} %")
    for below, size in edges(table):
        part = rules.waste(below, size)
        print(f"{size:8}  {'#' * round(BAR * part / rules.WASTE):{BAR}} {share(part)}")


def write_header(args):
    sys.stdout.write(header.header(rules.load(args.table, args.pool_max)))
    if args.depfile:
        needs = [args.table, *sorted(map(str, pathlib.Path(__file__).resolve().parent.glob("size_*.py")))]
        args.depfile.write_text(f"hk_size_table.h: {' '.join(needs)}\n", encoding="utf-8")


def comparison(name, classes, counts):
    return f"#   {name:<12} {len(classes):3} classes {suggest.Waste(classes, counts).percent:6.2f} %"


def per_doubling(log2, pool_max):
    return [size for size in header.steps(rules.TINY_MAX, log2, pool_max) if size <= pool_max]


def suggest_table(args):
    counts = suggest.read_histogram(args.histogram)
    if not suggest.served(counts, args.pool_max):
        raise rules.TableError(f"{rules.shown(args.histogram[0])}: no size between {rules.TINY_MAX} and"
                               f" {args.pool_max} was asked for; no table can be better than another")
    default = rules.load(rules.DEFAULT).classes
    classes = suggest.best_table(counts, args.pool_max, args.classes, args.waste)
    rules.check_sizes("the suggestion", [(size, 0) for size in classes])
    names = ", ".join(map(rules.shown, args.histogram))
    text = (f"The {len(classes)} size classes to {args.pool_max} that leave least of a block unused for"
            f" {names}; found by tables/size_table.py suggest. Of the bytes in their blocks, these"
            f" requests leave unused:")
    print(textwrap.fill(text, 100, initial_indent="# ", subsequent_indent="# "))
    print(comparison("this table", classes, counts))
    if args.pool_max == rules.POOL_MAX:
        print(comparison("default", default, counts))
    print(comparison("4 a doubling", per_doubling(2, args.pool_max), counts))
    print(comparison("8 a doubling", per_doubling(3, args.pool_max), counts))
    for i in range(0, len(classes), 8):
        print(" ".join(f"{size:6}" for size in classes[i:i + 8]))


def percent(text):
    value = int(text)
    if not 1 <= value <= rules.WASTE:
        raise argparse.ArgumentTypeError(f"{value} is not from 1 to {rules.WASTE}")
    return value


def pool_limit(text):
    value = int(text)
    if not rules.FINE_MAX <= value <= rules.LARGEST or value % rules.grain(value):
        raise argparse.ArgumentTypeError(f"{value} cannot be a class from {rules.FINE_MAX} to"
                                         f" {rules.LARGEST}")
    return value


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, run, text, limit=int):
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        added.add_argument("--pool-max", type=limit, default=rules.POOL_MAX, metavar="BYTES",
                           help=f"the largest class that is used (default: {rules.POOL_MAX})")
        return added

    for name, run, text in (
            ("check", check, "say in one line what the table is, or what is wrong with it"),
            ("chart", chart, "draw the worst waste of each class"),
            ("header", write_header, "print the C constants of the table"),
            ("report", report, "show each class, and what the table wastes on histograms")):
        added = command(name, run, text)
        added.add_argument("table")
        if name == "report":
            added.add_argument("histogram", nargs="*")
        if name == "header":
            added.add_argument("--depfile", type=pathlib.Path, help="also write what it was made of")
    added = command("suggest", suggest_table, "print the table that wastes least on the histograms",
                    pool_limit)
    added.add_argument("histogram", nargs="+")
    added.add_argument("--classes", type=int, default=SUGGESTED, metavar="N",
                       help=f"most classes to pool_max (default: {SUGGESTED})")
    added.add_argument("--waste", type=percent, default=rules.WASTE, metavar="PERCENT",
                       help=f"most that any size may leave unused (default: {rules.WASTE})")
    return parser.parse_args()


def main():
    args = arguments()
    try:
        args.run(args)
        sys.stdout.flush()
    except rules.TableError as wrong:
        print(wrong, file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # whoever reads has seen enough; what is left must not be written at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
