#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare hakmem with the system's malloc and with others on the workloads of bench/.

Runs are interleaved: every round goes through all workloads, and on each workload through all
allocators in an order of its own. So a busy moment of the machine hits everybody. Ratios are hakmem's
median by the other's; below 1 is better.

Exit status: 0, 1 if any run failed, 2 if the command line, a library or a program is wrong.
"""
import argparse
import json
import os
import platform
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'bench'))
sys.dont_write_bytecode = True

import chart  # noqa: E402
import harness  # noqa: E402
import instructions  # noqa: E402
import report  # noqa: E402
from program import UsageError, as_program  # noqa: E402

OURS, SYSTEM = 'hakmem', 'system'
LIBRARY_PATTERN = 'libhakmem-malloc*.so'
FULL_ROUNDS, QUICK_ROUNDS = 5, 1
# callgrind is some fifty times slower than the machine
INSTRUCTION_TIMEOUT_FACTOR = 5


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--build', metavar='DIR', default='build', help='build directory (default: build)')
    add('--hakmem', metavar='PATH', help='library to test instead of the one built in DIR')
    add('--with', metavar='NAME=PATH', action='append', default=[], dest='peers',
        help='another allocator to compare with; may be repeated')
    add('--rounds', metavar='N', type=harness.positive,
        help=f'runs of each (default: {FULL_ROUNDS}, with --quick {QUICK_ROUNDS})')
    add('--workload', metavar='GLOB', action='append', default=[],
        help='only the rows whose names match; may be repeated')
    add('--quick', action='store_true', help='short runs, about ten seconds an allocator')
    add('--timeout', metavar='SECONDS', type=harness.positive, default=60,
        help='limit of one run (default: 60)')
    add('--no-pin', action='store_true', help='do not pin workloads of one thread to a CPU')
    add('--json', metavar='FILE', help='write every sample there as well')
    add('--chart', metavar='FILE.svg', help='draw the ratios to the first --with, or to system')
    add('--list', action='store_true', help='print the rows and their commands, run nothing')
    add('--instructions', action='store_true',
        help='count instructions per malloc/free pair with callgrind instead of time')
    return parser.parse_args(argv)


def library(name, path, hint):
    found = Path(path).resolve()
    if not found.is_file():
        raise UsageError(f'no library for {name} at {path}; {hint}')
    return harness.Allocator(name, str(found))


def build_hint(options):
    configured = (Path(options.build) / 'build.ninja').is_file()
    first = 'meson configure' if configured else 'meson setup'
    return f'run `{first} {options.build} -Dbench=true && meson compile -C {options.build}`'


def find_ours(options):
    if options.hakmem:
        return library(OURS, options.hakmem, 'give the path of a shared library')
    build = Path(options.build)
    found = [*build.glob(LIBRARY_PATTERN), *build.glob(f'src/{LIBRARY_PATTERN}')]
    if not found:
        raise UsageError(f'no {LIBRARY_PATTERN} in {build}; {build_hint(options)}, or name the '
                         'right place by --build DIR or --hakmem PATH')
    if len(found) > 1:
        # a directory that was configured for one variant and then for another
        raise UsageError('choose one by --hakmem PATH: ' + ', '.join(map(str, found)))
    return library(OURS, found[0], build_hint(options))


def find_peers(texts):
    """-> the allocators of --with, in the order given"""
    peers = []
    for text in texts:
        match = re.fullmatch(r'([\w.+-]+)=(.+)', text)
        if not match:
            raise UsageError(f"--with takes NAME=PATH, not '{text}'")
        if match[1] in [OURS, SYSTEM, *(peer.name for peer in peers)]:
            raise UsageError(f"two allocators are called '{match[1]}'; choose another NAME")
        peers.append(library(match[1], match[2], 'give the path of a shared library'))
    return peers


def find_allocators(options):
    """hakmem first, then the system, then the peers."""
    return [find_ours(options), harness.Allocator(SYSTEM, ''), *find_peers(options.peers)]


def choose_rows(patterns):
    try:
        return harness.choose_rows(patterns)
    except ValueError as error:
        raise UsageError(str(error)) from None


def find_programs(options, rows, suffix=''):
    directory = Path(options.build).resolve() / 'bench'
    missing = sorted({row.program + suffix for row in rows
                      if not os.access(directory / (row.program + suffix), os.X_OK)})
    if missing:
        raise UsageError(f'no program {missing[0]} in {directory}; {build_hint(options)}')
    return directory


def write_json(options, allocators, content):
    """`content` and what it was measured with."""
    machine = {
        'machine': f'{platform.machine()} {harness.kernel()}',
        'cpus': os.cpu_count(),
        'quick': options.quick,
        'allocators': {allocator.name: allocator.library for allocator in allocators},
    }
    Path(options.json).write_text(json.dumps({**machine, **content}, indent=1) + '\n',
                                  encoding='utf-8')


def print_results(options, rows, allocators, results):
    names = [allocator.name for allocator in allocators]
    print(f'rounds: {options.rounds}, {"quick" if options.quick else "full"}; ns/op is the median '
          'for one malloc or one free;\nt/ and m/ are time and peak memory by the other\'s, '
          'below 1 is better')
    print('\n'.join(report.main_table(rows, results, names)))
    bursts = report.burst_table(rows, results, names)
    if bursts:
        print('\nmemory held at the end, as a share of the peak:\n' + '\n'.join(bursts))
    drifts = report.drift_table(rows, results, names)
    if drifts:
        print('\nresident by requested memory, mean and at the end:\n' + '\n'.join(drifts))
    failed = report.failures(results)
    if failed:
        print('\nfailed:\n' + '\n'.join(failed))


def run_times(options, rows, allocators):
    directory = find_programs(options, rows)
    results = harness.measure(rows, allocators, directory, options.rounds, options.quick,
                              options.timeout, pinned=not options.no_pin,
                              progress=harness.show_progress)
    harness.end_progress()
    print_results(options, rows, allocators, results)
    if options.json:
        write_json(options, allocators, {'rounds': options.rounds, 'results': results})
    if options.chart:
        other = allocators[min(2, len(allocators) - 1)].name
        drawing = chart.svg(rows, results, OURS, other)
        Path(options.chart).write_text(drawing, encoding='utf-8')
    return 1 if report.failures(results) else 0


def run_instructions(options, rows, allocators):
    rows = instructions.supported(rows)
    if not rows:
        raise UsageError('none of these rows can be counted; choose among '
                         + ', '.join(instructions.COUNTS))
    if not shutil.which('valgrind'):
        raise UsageError('--instructions needs valgrind; install it')
    directory = find_programs(options, rows)
    find_programs(options, rows, instructions.LOOP_SUFFIX)
    lines, complete = instructions.measure(
        rows, allocators, directory, options.timeout * INSTRUCTION_TIMEOUT_FACTOR,
        harness.show_progress)
    harness.end_progress()
    print('instructions per malloc/free pair, the loop (last column) taken off')
    print('\n'.join(lines))
    return 0 if complete else 1


def check_outputs(*paths):
    for path in paths:
        if path and not Path(path).resolve().parent.is_dir():
            raise UsageError(f'no directory for {path}')


def main(argv):
    options = parse_arguments(argv)
    options.rounds = options.rounds or (QUICK_ROUNDS if options.quick else FULL_ROUNDS)
    rows = choose_rows(options.workload)
    if options.list:
        for row in rows:
            print(f'{row.name:17}', *row.command(Path(''), row.count(options.quick)))
        return 0
    check_outputs(options.json, options.chart)
    allocators = find_allocators(options)
    return (run_instructions if options.instructions else run_times)(options, rows, allocators)


if __name__ == '__main__':
    as_program('bench_run.py', main)
