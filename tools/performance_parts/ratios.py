# SPDX-License-Identifier: MIT
"""Tables of ratios of hakmem's medians to those of each other allocator, and to their envelope.

The envelope is the best of the others on each row, so being at 1 everywhere would mean to be as good
as a different rival on every row. A cell is a ratio, or the word for a failure.
"""
import typing

import report
from matrix_parts.report import markdown

# behind: by more than what medians on a quiet machine vary
TOLERANCE = 1.05
ENVELOPE = 'envelope'


class Measure(typing.NamedTuple):
    name: str
    of: typing.Callable  # (sample) -> number


TIME = Measure('time', lambda sample: sample['time'])
MEMORY = Measure('peak memory', report.mib)


class Ratio(typing.NamedTuple):
    text: str
    value: typing.Optional[float] = None
    rival: str = ''  # whose it is, for the envelope


def samples_of(results):
    """Those of all runs that did not fail."""
    return [sample for cells in results.values() for samples in cells.values()
            for sample in samples if 'failure' not in sample]


def split(content):
    """-> our name, the others'"""
    return content['allocators'][0], content['allocators'][1:]


def rows_of(content, measure):
    return [row for row in content['results']
            if measure is not TIME or row not in content['untimed']]


def to_other(content, row, other, measure):
    ours, _ = split(content)
    return Ratio(*report.ratio(content['results'][row], ours, other, measure.of), other)


def to_envelope(content, row, measure):
    cells = content['results'][row]
    usable = [name for name in split(content)[1] if not report.failure(cells[name])]
    if not usable:
        return Ratio('–')
    best = min(usable, key=lambda name: report.median(cells[name], measure.of))
    return to_other(content, row, best, measure)


def all_ratios(content, row, measure):
    """-> {other: Ratio}, with the envelope last"""
    ratios = {other: to_other(content, row, other, measure) for other in split(content)[1]}
    return {**ratios, ENVELOPE: to_envelope(content, row, measure)}


def marked(ratio):
    return f'**{ratio.text}**' if ratio.value and ratio.value > TOLERANCE else ratio.text


def own(content, row, measure):
    """-> our median and its spread, with the unit"""
    samples = content['results'][row][split(content)[0]]
    if report.failure(samples):
        return [report.failure(samples), '–']
    unit = content['units'][row] if measure is TIME else 'MiB'
    values = [measure.of(sample) for sample in samples]
    return [f'{report.median(samples, measure.of):.2f} {unit}',
            f'{min(values):.2f}..{max(values):.2f}']


def by_row(content, measure):
    ours, others = split(content)
    lines = []
    for row in rows_of(content, measure):
        ratios = all_ratios(content, row, measure)
        best = ratios.pop(ENVELOPE)
        lines.append([row, *own(content, row, measure), *map(marked, ratios.values()),
                      f'{marked(best)} {best.rival}'.strip()])
    return markdown([measure.name, ours, 'min..max', *(f'/ {other}' for other in others),
                     f'/ {ENVELOPE}'], lines)


def mean_cell(ratios):
    """Geometric mean; a dagger if a row that failed is not in it."""
    values = [ratio.value for ratio in ratios if ratio.value]
    if not values:
        return '–'
    mean = report.geomean(values)
    return marked(Ratio(f'{mean:.2f}', mean)) + (' †' if len(values) < len(ratios) else '')


def by_group(content, measure):
    rows = rows_of(content, measure)
    names = dict.fromkeys(content['groups'][row] for row in rows)
    groups = {name: [row for row in rows if content['groups'][row] == name] for name in names}
    lines = []
    for name, members in {**groups, 'all': rows}.items():
        ratios = [all_ratios(content, row, measure) for row in members]
        lines.append([f'{name} ({len(members)})', *(mean_cell([ratio[other] for ratio in ratios])
                                                    for other in ratios[0])])
    return markdown([f'{measure.name}, group (rows)',
                     *(f'/ {other}' for other in (*split(content)[1], ENVELOPE))], lines)


def behind(content):
    """-> (row, measure, Ratio) where the envelope is better by more than the tolerance, worst first"""
    found = [(row, measure, to_envelope(content, row, measure))
             for measure in (TIME, MEMORY) for row in rows_of(content, measure)]
    found = [one for one in found if one[2].value and one[2].value > TOLERANCE]
    return sorted(found, key=lambda one: (one[1] is MEMORY, -one[2].value))


def behind_table(content):
    ours, _ = split(content)
    found = behind(content)
    if not found:
        return f'On no row is {ours} behind the envelope by more than 5 %.'
    return (f'Rows on which {ours} is behind the envelope by more than 5 %:\n\n'
            + markdown(['row', 'what', 'kind', 'ratio', 'the best'],
                       [[row, measure.name, content['groups'][row], ratio.text, ratio.rival]
                        for row, measure, ratio in found]))


def tables(content):
    ours, _ = split(content)
    return '\n\n'.join([
        f'Geometric means of the ratios of medians of {ours} to each other allocator:',
        by_group(content, TIME), by_group(content, MEMORY), behind_table(content),
        'Time by row:', by_row(content, TIME), 'Peak resident memory by row:',
        by_row(content, MEMORY)])
