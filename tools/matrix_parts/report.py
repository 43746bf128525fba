# SPDX-License-Identifier: MIT
"""Turns one run over all compositions into Markdown tables and a chart, and puts both into docs/."""
import re
import statistics
import sys

from matrix_parts.compositions import ROOT

sys.path.insert(0, str(ROOT / 'bench'))

import harness  # noqa: E402
import pyplot  # noqa: E402
import report as cells  # noqa: E402

DOCUMENT = ROOT / 'docs' / 'boxes.md'
CHART = ROOT / 'docs' / 'boxes.svg'
BEGIN, END = '<!-- made by tools/matrix.py bench --report -->', '<!-- end -->'


def mean_ratio(results, name, base, rows, measure):
    """Geometric mean of the ratios of medians; None if a run of either failed."""
    ratios = []
    for row in rows:
        samples = results[row][name], results[row][base]
        if any(map(cells.failure, samples)):
            return None
        mine, its = (cells.median(sample, measure) for sample in samples)
        if its:
            ratios.append(mine / its)
    return statistics.geometric_mean(ratios) if ratios else None


def number(value, digits=2):
    return '–' if value is None else value if isinstance(value, str) else f'{value:.{digits}f}'


def markdown(header, lines):
    ruler = ['---'] + ['---:'] * (len(header) - 1)
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in [header, ruler, *lines])


def grouped_rows(results):
    """-> {group: its rows, of those that were timed}"""
    groups = {}
    for row in harness.load_rows():
        if row.name in results and row.clock != 'none':
            groups.setdefault(row.group, []).append(row.name)
    return groups


def timed_rows(results):
    return [row for rows in grouped_rows(results).values() for row in rows]


def summary(times, ours):
    results, counts = times['results'], times['instructions']
    base = ours[0]
    groups = grouped_rows(results)
    header = ['', *(f'time, {name}' for name in groups), 'peak RSS, all',
              *(f'{row}, instr.' for row in counts)]
    lines = []
    for name in times['allocators']:
        label = name if name in ours else f'*{name}*'
        line = [label]
        line += [number(mean_ratio(results, name, base, rows, cells.ns_per_op))
                 for rows in groups.values()]
        line.append(number(mean_ratio(results, name, base, results, cells.mib)))
        line += [number(counts[row].get(name), 1) for row in counts]
        lines.append(line)
    return markdown(header, lines)


def by_row(times, ours, title, measure, rows):
    results = times['results']
    base = ours[0]
    names = [name for name in times['allocators'] if name != base]
    lines = []
    for row in rows:
        samples = results[row]
        own = None if cells.failure(samples[base]) else cells.median(samples[base], measure)
        line = [row, number(own)]
        for name in names:
            line.append(cells.failure(samples[name]) or
                        number(mean_ratio(results, name, base, [row], measure)))
        lines.append(line)
    return markdown([title, *[base, *names]], lines)


def tables(times, ours):
    word = 'short' if times['quick'] else 'full'
    return '\n\n'.join([
        f"One interleaved run of {times['rounds']} rounds of {word} length on {times['machine']}, "
        f"{times['cpus']} CPUs. Time and memory are geometric means of the ratios of medians to "
        f'`{ours[0]}`; below 1 is better. Instructions are those of a malloc and free pair, the '
        "loop taken off. Other people's allocators are in italics. Times of other machines will "
        'differ; two-thread rows vary most.',
        summary(times, ours),
        'Time by row: nanoseconds per call for the first, ratios to it for the others.',
        by_row(times, ours, 'row', cells.ns_per_op, timed_rows(times['results'])),
        'Peak RSS by row: MiB for the first, ratios to it for the others.',
        by_row(times, ours, 'row', cells.mib, times['results']),
    ])


def draw(times, ours):
    plot = pyplot.load()
    results = times['results']
    base = ours[0]
    names = list(times['allocators'])[::-1]
    figure, axes = plot.subplots(1, 2, figsize=(10, 0.32 * len(names) + 1.2), sharey=True)
    for axis, measure, title, rows in ((axes[0], cells.ns_per_op, 'time', timed_rows(results)),
                                       (axes[1], cells.mib, 'peak RSS', results)):
        values = [mean_ratio(results, name, base, rows, measure) or 0 for name in names]
        colours = ['#2f6f9f' if name in ours else '#b0b0b0' for name in names]
        axis.barh(names, values, color=colours)
        axis.axvline(1, color='black', linewidth=0.8)
        axis.set_title(f'{title}, ratio to {base} (all rows)')
    figure.tight_layout()
    figure.savefig(CHART, metadata={'Date': None})
    plot.close(figure)


def put_between(document, begin, end, made):
    """Replace what stands between two marks of a document."""
    text = document.read_text(encoding='utf-8')
    if begin not in text or end not in text:
        raise RuntimeError(f'{document} has no place for the tables ({begin} ... {end})')
    pattern = re.escape(begin) + '.*' + re.escape(end)
    document.write_text(re.sub(pattern, lambda _: f'{begin}\n\n{made}\n\n{end}', text, flags=re.S),
                        encoding='utf-8')


def write(times, ours):
    draw(times, ours)
    put_between(DOCUMENT, BEGIN, END,
                f'![time and memory of every composition]({CHART.name})\n\n{tables(times, ours)}')
