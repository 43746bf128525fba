# SPDX-License-Identifier: MIT
"""Section `sweep`: time of a pair over sizes, 16 bytes to 64 MiB, and system calls of hakmem."""
import shutil

import harness
import report
import size_sweep
import sweep
from matrix_parts.report import markdown

from performance_parts import ratios
from performance_parts.section import Section


def is_doubling(size):
    return size & (size - 1) == 0


def count_calls(context, chosen, scale):
    """-> the points of the doublings, and the lines of what could not be counted"""
    if not shutil.which('strace'):
        return [], ['system calls: strace is not installed']
    points = size_sweep.measure_calls(
        context.allocators[0], context.build / 'bench', list(filter(is_doubling, chosen)),
        scale=scale, timeout=context.timeout, progress=harness.show_progress)
    harness.end_progress()
    return points, [f'system calls, {point["pattern"]} of {point["size"]} bytes: '
                    f'{point["failure"]}: {point["detail"]}' for point in points if 'failure' in point]


def measure(context):
    directory = context.build / 'bench'
    chosen = size_sweep.sizes(directory, 1, sweep.LARGEST)
    scale = sweep.QUICK_SCALE if context.quick else sweep.FULL_SCALE
    points = size_sweep.measure(
        context.allocators, directory, chosen, rounds=context.rounds, scale=scale,
        timeout=context.timeout, progress=harness.show_progress)
    harness.end_progress()
    results = {f'{point["pattern"]} {point["size"]}': point['samples'] for point in points}
    for sample in ratios.samples_of(results):
        sample['time'] = 2 * report.ns_per_op(sample)
    calls, left_out = count_calls(context, chosen, scale)
    return {'results': results, 'calls': calls, 'left_out': left_out,
            'units': {row: 'ns' for row in results}, 'untimed': []}


def points_of(content):
    """As size_sweep has them."""
    points = []
    for row, samples in content['results'].items():
        pattern, _, size = row.partition(' ')
        points.append({'pattern': pattern, 'size': int(size), 'samples': samples})
    return points


def doublings(content, pattern):
    rows = {row: samples for row, samples in content['results'].items()
            if row.startswith(f'{pattern} ') and is_doubling(int(row.partition(' ')[2]))}
    return ratios.by_row({**content, 'results': rows}, ratios.TIME)


def cliffs(content):
    points = points_of(content)
    found = {name: size_sweep.cliffs(points, name) for name in content['allocators']}
    ours = content['allocators'][0]
    rule = f'sizes whose time is more than {size_sweep.CLIFF:g} times that of the next smaller size'
    counts = ', '.join(f'{name} {len(cliffs)}' for name, cliffs in found.items())
    text = f'Cliffs, {rule}: {counts}.'
    if not found[ours]:
        return text
    return f'{text} Those of {ours}:\n\n' + markdown(
        ['pattern', 'bytes', 'ns', 'times', 'kind'],
        [[cliff['pattern'], str(cliff['size']), f'{cliff["ns"]:.1f}', f'{cliff["factor"]:.1f}',
          cliff['kind']] for cliff in found[ours]])


def slower(content):
    ours, *others = content['allocators']
    points = points_of(content)
    found = size_sweep.slower(points, ours, others)
    text = (f'Another allocator is faster by more than {size_sweep.FASTER:g} at {len(found)} of '
            f'{len(points)} sizes')
    if not found:
        return f'{text}.'
    sizes = {pattern: [point for point in found if point['pattern'] == pattern]
             for pattern in size_sweep.PATTERNS}
    return f'{text}:\n\n' + '\n'.join(
        f'- {pattern}: ' + ', '.join(f'{point["size"]} ({point["factor"]:.2f} {point["best"]})'
                                     for point in rows) for pattern, rows in sizes.items() if rows)


def calls_of(point):
    """The cell, or '' for none."""
    if 'failure' in point:
        return point['failure']
    return ', '.join(f'{name} {calls:.2f}' for name, calls in point['names'].items())


def system_calls(content):
    cells = {}
    for point in content['calls']:
        cells.setdefault(point['size'], {})[point['pattern']] = calls_of(point)
    lines = [[str(size), *(of[pattern] or '–' for pattern in size_sweep.PATTERNS)]
             for size, of in cells.items() if any(of.values())]
    text = (f'System calls of {content["allocators"][0]} for 1000 pairs, at {len(cells)} sizes from '
            f'{min(cells)} to {max(cells)} bytes')
    if not lines:
        return f'{text}: none.'
    return f'{text}; none at those that are not here:\n\n' + markdown(
        ['bytes', *size_sweep.PATTERNS], lines)


def tables(content):
    parts = [doublings(content, pattern) for pattern in size_sweep.PATTERNS]
    parts += [cliffs(content), slower(content)]
    return '\n\n'.join(parts + ([system_calls(content)] if content['calls'] else []))


def draw(content, path):
    size_sweep.draw(points_of(content), content['allocators'], path)


SECTION = Section(
    'sweep', 'Time over sizes',
    'A malloc and a free of one size, from 16 bytes to 64 MiB, each size in a process of its own pinned '
    'to one CPU. `pair` writes a byte and frees the block at once; `set` replaces random blocks of a '
    'working set of at most 64 blocks and 64 MiB. The chart has five sizes a doubling, the tables the '
    'doublings; cliffs and system calls are explained in [measuring.md](measuring.md#time-over-sizes). '
    'Blocks are not written to, but for their first bytes: what page faults cost a program that fills '
    'large blocks is not in it.',
    measure, tables, draw)
