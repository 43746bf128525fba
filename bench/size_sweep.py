# SPDX-License-Identifier: MIT
"""Time over sizes, and system calls over sizes, by the workload `sweep`.

Each size and pattern is a process of its own, so that nothing of another size is at hand. measure()
gives plain dicts, one for each pattern and size, which go into JSON as they are:
{'pattern': 'pair', 'size': 64, 'samples': {'hakmem': [{'ops': ..., 'seconds': ...}, ...], ...}}
"""
import re
import statistics
import subprocess
import tempfile
import typing
from pathlib import Path

import harness
import pyplot
import report

PATTERNS = ('pair', 'set')
CLIFF = 2.0
FASTER = 1.3
# of strace -c: share, seconds, usecs/call, calls, errors or nothing, name
CALLS = re.compile(r'^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$', re.M)


def program(directory):
    return str(Path(directory) / 'sweep')


def sizes(directory, smallest, largest):
    """The sizes of the workload from `smallest` to `largest`; none if there are none."""
    done = subprocess.run([program(directory), '--list', '--min', str(smallest),
                           '--max', str(largest)], check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    return [int(size) for size in re.findall(r'size=(\d+)', done.stdout)]


def command(directory, pattern, size, scale):
    return [program(directory), pattern, '--min', str(size), '--max', str(size),
            '--scale', str(scale)]


class Named(typing.NamedTuple):
    name: str


def name_of(point):
    return f'{point["pattern"]} of {point["size"]} bytes'


def points_of(chosen):
    return [{'pattern': pattern, 'size': size} for pattern in PATTERNS for size in chosen]


def measure(allocators, directory, chosen, *, rounds, scale, timeout, progress):
    """Run every pattern and size under every allocator, in an order of its own. -> the points"""
    points = {name_of(point): point for point in points_of(chosen)}
    cpu = harness.pinned_cpu()

    def run_one(row, allocator):
        point = points[row.name]
        return harness.run(command(directory, point['pattern'], point['size'], scale), allocator,
                           timeout, cpu)

    samples = harness.interleave([Named(name) for name in points], allocators, rounds, run_one,
                                 progress)
    return [{**point, 'samples': samples[name]} for name, point in points.items()]


def ns_per_pair(point, name):
    """Median nanoseconds of one malloc and one free; None if a run failed."""
    samples = point['samples'][name]
    if report.failure(samples):
        return None
    return statistics.median(2 * report.ns_per_op(sample) for sample in samples)


def cliffs(points, name):
    """Where the time is more than CLIFF times that of the next smaller size. A 'spike' is also more
    than CLIFF times that of the next larger one, a 'step' is not. -> dicts"""
    found = []
    for pattern in PATTERNS:
        row = [point for point in points if point['pattern'] == pattern]
        times = [ns_per_pair(point, name) for point in row]
        for place in range(1, len(row)):
            before, here = times[place - 1], times[place]
            after = times[place + 1] if place + 1 < len(row) else None
            if before and here and here > CLIFF * before:
                spike = after is not None and here > CLIFF * after
                found.append({'pattern': pattern, 'size': row[place]['size'], 'ns': here,
                              'factor': here / before, 'kind': 'spike' if spike else 'step'})
    return found


def slower(points, ours, others):
    """Where another allocator is faster by more than FASTER: the fastest one there. -> dicts"""
    found = []
    for point in points:
        own = ns_per_pair(point, ours)
        times = {name: ns_per_pair(point, name) for name in others}
        times = {name: time for name, time in times.items() if time}
        best = min(times, key=times.get, default=None)
        if own and best and own > FASTER * times[best]:
            found.append({'pattern': point['pattern'], 'size': point['size'], 'ns': own,
                          'best': best, 'best_ns': times[best], 'factor': own / times[best]})
    return found


def table(points, pattern, names):
    """Lines: our time, the ratio of it to each other's, and who is fastest."""
    ours, *others = names
    lines = [[f'{pattern}, bytes', 'ns/pair', *(f'/{name}' for name in others), 'best']]
    for point in points:
        if point['pattern'] != pattern:
            continue
        times = {name: ns_per_pair(point, name) for name in names}
        own = times[ours]
        cells = [report.failure(point['samples'][ours]) or f'{own:.1f}']
        for name in others:
            failed = report.failure(point['samples'][name])
            cells.append(failed or (f'{own / times[name]:.2f}' if own else '-'))
        usable = {name: time for name, time in times.items() if time}
        lines.append([str(point['size']), *cells, min(usable, key=usable.get, default='-')])
    return list(report.align(lines))


def failures(points):
    return report.failures({name_of(point): point['samples'] for point in points})


def count_calls(arguments, library, timeout):
    """-> (system calls by name, pairs, None), or ({}, 0, failure)"""
    with tempfile.NamedTemporaryFile('r') as output:
        traced = ['strace', '-f', '-c', '-o', output.name]
        traced += ['-E', f'LD_PRELOAD={library}'] if library else ['-E', 'LD_PRELOAD']
        try:
            done = subprocess.run([*traced, *arguments], timeout=timeout, check=False,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, errors='replace')
        except subprocess.TimeoutExpired:
            return {}, 0, harness.failed('timeout', f'no end within {timeout} s')
        numbers = harness.judge(done)
        found = {name: int(calls) for calls, name in CALLS.findall(output.read())}
    found.pop('total', None)
    if 'failure' in numbers:
        return {}, 0, numbers
    if not found:
        return {}, 0, harness.failed('no count', done.stderr)
    return found, numbers['ops'] / 2, None


def measure_calls(allocator, directory, chosen, *, scale, timeout, progress):
    """System calls of the steps alone: two lengths, and the difference by the difference in pairs.
    -> points with 'calls' (per 1000 pairs) and 'names' (the same for each call), or 'failure'"""
    points = points_of(chosen)
    for point in points:
        progress(f'system calls, {point["pattern"]} of {point["size"]} bytes')
        runs = []
        for length in (scale, 3 * scale):
            arguments = command(directory, point['pattern'], point['size'], length)
            runs.append(count_calls(arguments, allocator.library, timeout))
            if runs[-1][2]:
                point.update(runs[-1][2])
                break
        else:
            (low, low_pairs, _), (high, high_pairs, _) = runs
            per_1000 = {name: 1000 * (high[name] - low.get(name, 0)) / (high_pairs - low_pairs)
                        for name in high}
            point['calls'] = sum(per_1000.values())
            point['names'] = {name: calls for name, calls in per_1000.items() if calls}
    return points


def calls_table(points):
    lines = [['pattern', 'bytes', 'calls/1000 pairs', 'which']]
    for point in points:
        which = ' '.join(f'{name}={calls:.3f}' for name, calls in point.get('names', {}).items())
        calls = point.get('failure') or f'{point["calls"]:.3f}'
        lines.append([point['pattern'], str(point['size']), calls, which or '-'])
    return list(report.align(lines))


def draw(points, names, path):
    """A line chart of nanoseconds per pair over size, both axes logarithmic; our cliffs are marked."""
    plot = pyplot.load()
    figure, axes = plot.subplots(len(PATTERNS), 1, figsize=(10, 9), sharex=True)
    for axis, pattern in zip(axes, PATTERNS):
        row = [point for point in points if point['pattern'] == pattern]
        for name in names:
            shown = [(point['size'], ns_per_pair(point, name)) for point in row]
            shown = [(size, time) for size, time in shown if time]
            axis.plot(*zip(*shown) if shown else ([], []), label=name,
                      linewidth=2.2 if name == names[0] else 0.9,
                      zorder=3 if name == names[0] else 2)
        found = [cliff for cliff in cliffs(points, names[0]) if cliff['pattern'] == pattern]
        axis.plot([cliff['size'] for cliff in found], [cliff['ns'] for cliff in found], 'kx',
                  zorder=4, label=f'cliff of {names[0]}')
        axis.set(yscale='log', ylabel='ns per malloc and free', title=pattern)
        axis.set_xscale('log', base=2)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    axes[-1].set_xlabel('bytes')
    figure.tight_layout()
    figure.savefig(path, metadata={'Date': None})
    plot.close(figure)
