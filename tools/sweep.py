#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Time of a malloc and free pair over sizes, 16 bytes to 64 MiB, beside other allocators.

Two patterns: `pair` is malloc, write a byte, free; `set` replaces random blocks of a working set of at
most 64 blocks and 64 MiB. Runs are interleaved: on each size all allocators take their turn. A table
has our median, its ratio to each other's (below 1 is better) and who is fastest. Then come

    cliffs  sizes whose time is more than 2 times that of the next smaller size: a spike if it is also
            more than 2 times that of the next larger one, else a step
    slower  sizes at which another allocator is faster by more than 1.3

With --syscalls no time is measured: hakmem runs under strace with two lengths of loop, and the
difference is the system calls of the steps alone, per 1000 pairs. Zero is what `pair` should have.

Exit status: 0, 1 if any run failed, 2 if the command line, a library or a program is wrong.
"""
import argparse
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / 'bench'), str(ROOT / 'tools')]
sys.dont_write_bytecode = True

import bench_run  # noqa: E402
import harness  # noqa: E402
import pyplot  # noqa: E402
import size_sweep  # noqa: E402
from program import UsageError, as_program  # noqa: E402

FULL_ROUNDS, QUICK_ROUNDS = 3, 1
FULL_SCALE, QUICK_SCALE = 100, 10
LARGEST = 64 << 20
ROW = harness.Row('sweep', 'sweep', '', 0, 0, 'cpu', '')


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
    add('--quick', action='store_true', help='a tenth of the steps, some five seconds an allocator')
    add('--min', metavar='BYTES', type=harness.positive, default=1, help='smallest size')
    add('--max', metavar='BYTES', type=harness.positive, default=LARGEST, help='largest size')
    add('--timeout', metavar='SECONDS', type=harness.positive, default=60,
        help='limit of one run (default: 60)')
    add('--json', metavar='FILE', help='write every sample there as well')
    add('--chart', metavar='FILE.svg', help='draw time over size; needs matplotlib')
    add('--syscalls', action='store_true', help='count system calls of hakmem instead of time')
    return parser.parse_args(argv)


def check(options):
    bench_run.check_outputs(options.json, options.chart)
    if options.syscalls:
        for option, given in (('--with', options.peers), ('--rounds', options.rounds),
                              ('--chart', options.chart)):
            if given:
                raise UsageError(f'--syscalls counts hakmem once: leave {option} out')
        if not shutil.which('strace'):
            raise UsageError('--syscalls needs strace; install it')
    if options.chart and not pyplot.is_possible():
        raise UsageError(f'{pyplot.MISSING}, or leave --chart out')


def choose_sizes(options, directory):
    chosen = size_sweep.sizes(directory, options.min, options.max)
    if not chosen:
        raise UsageError(f'no size from {options.min} to {options.max}; see '
                         f'`{directory}/sweep --list`')
    return chosen


def print_times(points, names, cliffs, slower):
    for pattern in size_sweep.PATTERNS:
        print('\n'.join(size_sweep.table(points, pattern, names)) + '\n')
    print(f'cliffs of {names[0]}, more than {size_sweep.CLIFF:g} times the next smaller size:')
    for cliff in cliffs:
        print(f'  {cliff["pattern"]:4} {cliff["size"]:9} {cliff["ns"]:10.1f} ns, '
              f'{cliff["factor"]:.1f} times: {cliff["kind"]}')
    if not cliffs:
        print('  none')
    print(f'another one faster by more than {size_sweep.FASTER:g}:')
    for point in slower:
        print(f'  {point["pattern"]:4} {point["size"]:9} {point["ns"]:10.1f} ns, '
              f'{point["factor"]:.2f} times {point["best"]}\'s {point["best_ns"]:.1f}')
    if not slower:
        print('  none')


def show_failures(lines):
    if lines:
        print('\nfailed:\n' + '\n'.join(lines))
    return 1 if lines else 0


def run_times(options, allocators, directory, chosen):
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else FULL_ROUNDS)
    points = size_sweep.measure(
        allocators, directory, chosen, rounds=rounds, timeout=options.timeout,
        scale=QUICK_SCALE if options.quick else FULL_SCALE, progress=harness.show_progress)
    harness.end_progress()
    names = [allocator.name for allocator in allocators]
    cliffs = size_sweep.cliffs(points, names[0])
    slower = size_sweep.slower(points, names[0], names[1:])
    print(f'rounds: {rounds}, {"quick" if options.quick else "full"}; medians, one CPU')
    print_times(points, names, cliffs, slower)
    if options.json:
        bench_run.write_json(options, allocators, {'rounds': rounds, 'points': points, 'cliffs': cliffs,
                                                   'slower': slower})
    if options.chart:
        size_sweep.draw(points, names, options.chart)
    return show_failures(size_sweep.failures(points))


def run_calls(options, ours, directory, chosen):
    points = size_sweep.measure_calls(
        ours, directory, chosen, scale=QUICK_SCALE if options.quick else FULL_SCALE,
        timeout=options.timeout, progress=harness.show_progress)
    harness.end_progress()
    print(f'system calls of {ours.name} per 1000 pairs, start and end of the program taken off')
    print('\n'.join(size_sweep.calls_table(points)))
    if options.json:
        bench_run.write_json(options, [ours], {'points': points})
    return show_failures([f'{point["pattern"]} of {point["size"]} bytes: {point["failure"]}: '
                          f'{point["detail"]}' for point in points if 'failure' in point])


def main(argv):
    options = parse_arguments(argv)
    check(options)
    allocators = bench_run.find_allocators(options)
    directory = bench_run.find_programs(options, [ROW])
    chosen = choose_sizes(options, directory)
    if options.syscalls:
        return run_calls(options, allocators[0], directory, chosen)
    return run_times(options, allocators, directory, chosen)


if __name__ == '__main__':
    as_program('sweep.py', main)
