#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Judge the learner: build policy=frozen, observe and learn, and run the workloads whose phases
change class over all three, interleaved.

Every round goes through all workloads, and on each through all builds in an order of its
own. The verdict on a workload is from the ratios of `learn` to `frozen` in each round,
their median: equal means within 3 % (--tolerance). `learn` wins where it needs less memory (the
peak, and the mean if the workload reports one) at equal speed or better, or is faster at equal
memory or less. `observe` shows what the looking costs.

Exit status: 0, 1 if a build or a run failed, 2 if the command line is wrong.
"""
import argparse
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / 'bench'), str(ROOT / 'tools')]
sys.dont_write_bytecode = True

import harness  # noqa: E402
from matrix_parts import compositions, runner  # noqa: E402
from program import Failure, UsageError, as_program  # noqa: E402

POLICIES = ['frozen', 'observe', 'learn']
PROFILES = ['auto', 'legacy', 'c5_7_only', 'tinyplus_all']
LIBRARY = 'src/libhakmem-malloc.so.0'
MEASURES = {
    'ns/op': lambda sample: sample['seconds'] * 1e9 / sample['ops'],
    'peak MiB': lambda sample: sample['peak_rss_kib'] / 1024,
    'mean MiB': lambda sample: sample['mean_rss_kib'] / 1024,
}


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--dir', type=Path, default=Path('build-policy'),
        help='where to build (default: build-policy)')
    add('--compiler', choices=sorted(runner.COMPILERS), default='gcc')
    add('--profile', choices=PROFILES, default='auto', help='policy_profile of all three builds')
    add('--profiles', action='store_true',
        help='compare the profiles with each other instead, all of them frozen')
    add('--rounds', metavar='N', type=harness.positive, default=5, help='runs of each (default: 5)')
    add('--quick', action='store_true', help='short runs')
    add('--workload', metavar='GLOB', action='append', default=[],
        help="rows of bench/rows.txt (default: 'phases*'); may be repeated")
    add('--tolerance', metavar='PERCENT', type=harness.positive, default=3, help='what is equal (default: 3)')
    add('--timeout', metavar='SECONDS', type=harness.positive, default=120,
        help='limit of one run (default: 120)')
    return parser.parse_args(argv)


def wanted(options):
    """-> name and arguments of each build"""
    if options.profiles:
        return [(profile, (f'-Dpolicy_profile={profile}',)) for profile in PROFILES]
    return [(policy, (f'-Dpolicy={policy}', f'-Dpolicy_profile={options.profile}'))
            for policy in POLICIES]


def build(options, rows):
    """-> the allocators, and where the workloads are"""
    programs = sorted({f'bench/{row.program}' for row in rows})
    allocators = []
    for name, arguments in wanted(options):
        print(f'building {name}', file=sys.stderr)
        directory = options.dir / name
        problem = runner.build(
            compositions.Composition(name, arguments), directory, options.compiler,
            ['-Dtests=disabled'], lambda _: ['src/libhakmem-malloc.so.0.1.0', *programs])
        if problem:
            raise Failure(f'{name} {problem}')
        allocators.append(harness.Allocator(name, str((directory / LIBRARY).resolve())))
    return allocators, (options.dir / allocators[0].name / 'bench').resolve()


def measure(options, rows, allocators, programs):
    """-> {row: {allocator: [sample, ...]}}; the first run that fails ends it"""
    def run_one(row, allocator):
        sample = harness.run_row(row, allocator, programs, options.quick, options.timeout, pinned=True)
        if 'failure' in sample:
            raise Failure(f'{row.name} with {allocator.name}: {sample["failure"]} {sample["detail"]}')
        return sample

    results = harness.interleave(rows, allocators, options.rounds, run_one, harness.show_progress)
    harness.end_progress()
    return results


def shown(samples, measure_of):
    values = [measure_of(sample) for sample in samples]
    return f'{statistics.median(values):.2f} ({min(values):.2f}..{max(values):.2f})'


def ratio(cells, ours, base, measure_of):
    """Of two builds, round by round: what slows a whole round down does not count. -> the median"""
    return statistics.median(measure_of(one) / measure_of(other)
                             for one, other in zip(cells[ours], cells[base]))


def measures_of(cells):
    has_mean = all('mean_rss_kib' in sample for samples in cells.values() for sample in samples)
    return {name: measure_of for name, measure_of in MEASURES.items()
            if name != 'mean MiB' or has_mean}


def table(row, cells, names):
    """Medians, spreads, and ratios to the first."""
    measures = measures_of(cells)
    lines = [[row.name, *(text for name in measures for text in (name, f'/{names[0]}'))]]
    for name in names:
        line = [name]
        for measure_of in measures.values():
            line += [shown(cells[name], measure_of),
                     f'{ratio(cells, name, names[0], measure_of):.3f}']
        lines.append(line)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return ['  '.join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
            for line in lines]


def verdict(cells, tolerance):
    """What `learn` is worth on a workload, in a sentence."""
    near = tolerance / 100
    time, *memory = (ratio(cells, 'learn', 'frozen', measure_of)
                     for measure_of in measures_of(cells).values())
    if max(memory) < 1 - near and time <= 1 + near:
        return f'learn wins: {100 * (1 - max(memory)):.0f} % less memory at ' + (
            'higher speed' if time < 1 - near else 'equal speed')
    if time < 1 - near and max(memory) <= 1 + near:
        return f'learn wins: {100 * (1 - time):.0f} % less time at equal memory'
    if time > 1 + near or max(memory) > 1 + near:
        return f'learn loses: time x {time:.3f}, memory x {max(memory):.3f}'
    return 'no difference'


def main(argv):
    options = parse_arguments(argv)
    try:
        rows = harness.choose_rows(options.workload or ['phases*'])
    except ValueError as error:
        raise UsageError(str(error)) from None
    allocators, programs = build(options, rows)
    results = measure(options, rows, allocators, programs)
    names = [allocator.name for allocator in allocators]
    print(f'{options.rounds} rounds, {"quick" if options.quick else "full"}; medians and spreads')
    for row in rows:
        print('\n' + '\n'.join(table(row, results[row.name], names)))
        if not options.profiles:
            print(verdict(results[row.name], options.tolerance))
    return 0


if __name__ == '__main__':
    as_program('policy_bench.py', main)
