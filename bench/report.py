# SPDX-License-Identifier: MIT
"""Turns samples into tables: medians, spreads, ratios and geometric means.

A cell of one row and one allocator is its median, or the word for its failure: one failed run
among many makes the whole cell a failure, because a median of the rest would hide it.
"""
import statistics

GAP = '  '


def geomean(values):
    return statistics.geometric_mean(values) if values else None


def ns_per_op(sample):
    return sample['seconds'] * 1e9 / sample['ops']


def mib(sample):
    return sample['peak_rss_kib'] / 1024


def failure(samples):
    failed = [sample['failure'] for sample in samples if 'failure' in sample]
    if not failed:
        return None
    return failed[0] if len(failed) == len(samples) else f'{failed[0]} {len(failed)}/{len(samples)}'


def median(samples, measure):
    return statistics.median(measure(sample) for sample in samples)


def failures(results):
    """One line for each row and allocator of which a run failed."""
    lines = []
    for row, cells in results.items():
        for name, samples in cells.items():
            if failure(samples):
                detail = next(sample['detail'] for sample in samples if 'failure' in sample)
                lines.append(f'{row}, {name}: {failure(samples)}' + (detail and f': {detail}'))
    return lines


def ratio(cells, ours, theirs, measure):
    """-> (text, value); the value is None if either side failed."""
    for name in (ours, theirs):
        if failure(cells[name]):
            return failure(cells[name]), None
    below = median(cells[theirs], measure)
    if below == 0:
        return '-', None
    value = median(cells[ours], measure) / below
    return f'{value:.2f}', value


def best_ratio(cells, ours, others, measure):
    """As ratio(), to whichever of the others is best on this row."""
    usable = [name for name in others if not failure(cells[name])]
    if not usable:
        return '-', None
    best = min(usable, key=lambda name: median(cells[name], measure))
    return ratio(cells, ours, best, measure)


def own_cells(samples, timed):
    """Text of our own time, its spread, and our memory."""
    if failure(samples):
        return failure(samples), '-', '-'
    memory = f'{median(samples, mib):.1f}'
    if not timed:
        return '-', '-', memory
    times = [ns_per_op(sample) for sample in samples]
    return f'{statistics.median(times):.2f}', f'{min(times):.2f}..{max(times):.2f}', memory


class RatioTable:
    """The main table, with the ratios kept for the closing means."""

    def __init__(self, names):
        self.ours, self.others = names[0], names[1:]
        # a best of one would only repeat the column beside it
        self.peers = self.others[1:] if len(self.others) > 2 else []
        labels = [*self.others, *(['best peer'] if self.peers else [])]
        self.lines = [['row', 'ns/op', 'min..max', *(f't/{label}' for label in labels),
                       'MiB', *(f'm/{label}' for label in labels)]]
        self.kept = []

    def ratios(self, cells, measure):
        pairs = [ratio(cells, self.ours, other, measure) for other in self.others]
        if self.peers:
            pairs.append(best_ratio(cells, self.ours, self.peers, measure))
        return pairs

    def add(self, row, cells):
        timed = row.clock != 'none'
        times = self.ratios(cells, ns_per_op) if timed else [('-', None)] * self.width()
        memory = self.ratios(cells, mib)
        own_time, spread, own_memory = own_cells(cells[self.ours], timed)
        self.lines.append([row.name, own_time, spread, *(text for text, _ in times),
                           own_memory, *(text for text, _ in memory)])
        self.kept.append((row.clock, [value for _, value in times + memory]))

    def width(self):
        return len(self.others) + (1 if self.peers else 0)

    def add_mean(self, label, clocks):
        kept = [values for clock, values in self.kept if clock in clocks]
        means = [geomean([value for value in column if value]) for column in zip(*kept)]
        if len(kept) > 1:
            texts = ['-' if mean is None else f'{mean:.2f}' for mean in means]
            middle = self.width()
            self.lines.append([label, '', '', *texts[:middle], '', *texts[middle:]])


def align(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        cells = [cell.rjust(width) for cell, width in zip(line, widths)]
        cells[0] = line[0].ljust(widths[0])
        yield GAP.join(cells).rstrip()


def main_table(rows, results, names):
    table = RatioTable(names)
    for row in rows:
        table.add(row, results[row.name])
    table.add_mean('geomean', ('cpu', 'wall', 'none'))
    table.add_mean('geomean, threads', ('wall',))
    return align(table.lines)


def end_share(samples):
    return failure(samples) or '{:.0f}%'.format(
        100 * median(samples, lambda sample: sample['end_rss_kib'] / sample['peak_rss_kib']))


def burst_table(rows, results, names):
    """Memory held after a burst, as a share of the peak; empty without such rows."""
    bursts = [row for row in rows if row.program == 'burst']
    lines = [['after a burst', *names]]
    lines += [[row.name, *(end_share(results[row.name][name]) for name in names)]
              for row in bursts]
    return list(align(lines)) if bursts else []


def rss_ratios(samples):
    return failure(samples) or ' '.join(
        f'{median(samples, lambda sample: sample[field]):.3f}'
        for field in ('mean_rss_ratio', 'end_rss_ratio'))


def drift_table(rows, results, names):
    """Resident by requested memory, mean and at the end; empty without such rows."""
    drifts = [row for row in rows if row.program == 'drift']
    lines = [['sizes drift', *names]]
    lines += [[row.name, *(rss_ratios(results[row.name][name]) for name in names)]
              for row in drifts]
    return list(align(lines)) if drifts else []
