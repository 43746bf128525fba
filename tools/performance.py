#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure hakmem beside other allocators, and write docs/performance.md.

Builds the default profile in DIR/build and measures section by section; what a section measured is
kept in DIR/results/SECTION.json, so that one can be measured again alone. Every round goes through
all workloads, and on each through all allocators in an order of its own. Ratios are hakmem's median by
the other's: below 1 is better.

Exit status: 0, 1 if the build or a run of hakmem or of the system's malloc failed (failures of others
are shown in the tables), 2 if the command line is wrong or something is missing.
"""
import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ('bench', 'tools', 'tables')]
sys.dont_write_bytecode = True

import bench_run  # noqa: E402
import harness  # noqa: E402
import pyplot  # noqa: E402
import report  # noqa: E402
import sweep  # noqa: E402
from matrix_parts import compositions, runner  # noqa: E402
from performance_parts import document  # noqa: E402
from performance_parts.registry import SECTIONS  # noqa: E402
from performance_parts.section import Context, LeftOut  # noqa: E402
from program import Failure, UsageError, as_program  # noqa: E402


# for the check that the programs are there
LAUNCH = harness.Row('launch', 'launch', '', 0, 0, 'none', '')


def parse_arguments(argv):
    names = '\n'.join(f'  {name:14} {section.title}' for name, section in SECTIONS.items())
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f'sections:\n{names}',
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--dir', type=Path, default=Path('build-performance'),
        help='where to build and to keep results (default: build-performance)')
    add('--build', metavar='DIR', type=Path,
        help='measure the build in this directory instead of making one')
    add('--hakmem', metavar='PATH', help='measure this library, with the programs of the build')
    add('--with', metavar='NAME=PATH', action='append', default=[], dest='peers',
        help='another allocator to compare with; may be repeated')
    add('--suite', metavar='DIR', type=Path,
        help='programs of a build of mimalloc-bench, its out/bench')
    add('--rounds', metavar='N', type=harness.positive,
        help=f'runs of each (default: {bench_run.FULL_ROUNDS}, with --quick '
             f'{bench_run.QUICK_ROUNDS})')
    add('--quick', action='store_true', help='short runs')
    add('--section', metavar='NAME', action='append', choices=list(SECTIONS), default=[],
        help='only this section; may be repeated (default: all that can be measured here)')
    add('--report', action='store_true',
        help='write the document and its charts, of all sections that have results')
    add('--report-only', action='store_true', help='as --report, but measure nothing')
    add('--docs', metavar='DIR', type=Path, default=document.DOCS,
        help='where --report writes (default: docs)')
    return parser.parse_args(argv)


def check(options):
    """What has to be right before an hour of measuring."""
    if options.report_only and options.section:
        raise UsageError('--report-only measures nothing; leave --section out')
    if options.suite and not options.suite.is_dir():
        raise UsageError(f'--suite takes a directory, and {options.suite} is none')
    reported = set(document.load(options.dir / 'results'))
    if not options.report_only:
        reported |= set(options.section or SECTIONS)
    if options.report or options.report_only:
        if document.needs_charts(reported) and not pyplot.is_possible():
            raise UsageError(f'{pyplot.MISSING}, or leave --report out')


def build(options):
    """-> the build directory"""
    if options.build:
        return options.build
    profile, = (one for one in compositions.profiles() if one.name == 'default')
    print('building the default profile', file=sys.stderr, flush=True)
    # debug: line numbers, for the section of atomic operations; the code is the same
    problem = runner.build(profile, options.dir / 'build', 'gcc',
                           ('-Dtests=disabled', '-Dtools=false', '-Dbench=true', '-Ddebug=true'))
    if problem:
        raise Failure(f'the default profile {problem}')
    return options.dir / 'build'


def make_context(options):
    peers = bench_run.find_peers(options.peers)
    options.build = build(options)
    allocators = [bench_run.find_ours(options), harness.Allocator(bench_run.SYSTEM, ''), *peers]
    bench_run.find_programs(options, [*harness.load_rows(), LAUNCH, sweep.ROW])
    return Context(
        build=options.build.resolve(), allocators=allocators,
        rounds=options.rounds or (bench_run.QUICK_ROUNDS if options.quick else bench_run.FULL_ROUNDS),
        quick=options.quick, suite=options.suite and options.suite.resolve())


def failures(content):
    """Those of hakmem, of the system's malloc, and of ways to link; and what a section found wrong."""
    others = content['allocators'][2:]
    return content.get('wrong', []) + report.failures({
        row: {name: samples for name, samples in cells.items() if name not in others}
        for row, cells in content['results'].items()})


def measure(options, context):
    """-> True if nothing of ours failed"""
    complete = True
    for name in options.section or SECTIONS:
        print(f'{name}:', file=sys.stderr, flush=True)
        try:
            content = SECTIONS[name].measure(context)
        except LeftOut as reason:
            if options.section:
                raise UsageError(f'section {name} {reason}') from None
            print(f'{name}: left out: {reason}', file=sys.stderr, flush=True)
            continue
        content = {**document.circumstances(context), **content}
        path = document.store(options.dir / 'results', name, content)
        print(f'{name}: the samples are in {path}', file=sys.stderr, flush=True)
        print(f'## {SECTIONS[name].title}\n\n{document.text_of(name, content)}\n', flush=True)
        for line in failures(content):
            complete = False
            print(f'{name}: failed: {line}', file=sys.stderr, flush=True)
    return complete


def main(argv):
    options = parse_arguments(argv)
    check(options)
    complete = options.report_only or measure(options, make_context(options))
    if options.report or options.report_only:
        contents = document.load(options.dir / 'results')
        if not contents:
            raise UsageError(f'no results in {options.dir / "results"}; measure first')
        print(f'wrote {document.write(contents, options.docs)}', file=sys.stderr)
    return 0 if complete else 1


if __name__ == '__main__':
    as_program('performance.py', main)
