# SPDX-License-Identifier: MIT
"""Section `micro`: every row of bench/rows.txt, time and peak memory."""
import harness
import report
from matrix_parts.report import markdown

from performance_parts import charts, ratios
from performance_parts.section import Section


def measure(context):
    rows = harness.load_rows()
    results = harness.measure(rows, context.allocators, context.build / 'bench', context.rounds,
                              context.quick, context.timeout, pinned=True,
                              progress=harness.show_progress)
    harness.end_progress()
    for sample in ratios.samples_of(results):
        sample['time'] = report.ns_per_op(sample)
    return {
        'results': results,
        'units': {row.name: 'ns' for row in rows},
        'groups': {row.name: row.group for row in rows},
        'untimed': [row.name for row in rows if row.clock == 'none'],
    }


def drift_cells(content, row, field):
    cells = content['results'][row]
    return [report.failure(cells[name])
            or f'{report.median(cells[name], lambda sample: sample[field]):.3f}'
            for name in content['allocators']]


def drift(content):
    """Resident by requested memory; nothing if no row says it."""
    rows = [row for row, cells in content['results'].items()
            if any('mean_rss_ratio' in sample for samples in cells.values() for sample in samples)]
    lines = [[f'{row}, {what}', *drift_cells(content, row, field)] for row in rows
             for what, field in (('mean', 'mean_rss_ratio'), ('end', 'end_rss_ratio'))]
    return (['Resident by requested memory while sizes drift '
             '([measuring.md](measuring.md#fragmentation)): the mean, and the end.',
             markdown(['row', *content['allocators']], lines)] if lines else [])


def held(content):
    """Resident at the end of a burst by its peak; nothing if no row says it."""
    rows = [row for row in content['results'] if row.startswith('burst_')]
    lines = [[row, *(report.end_share(content['results'][row][name]) for name in content['allocators'])]
             for row in rows]
    return (['Resident after a burst, as a share of its peak: of `burst_freed` and `burst_over_light` '
             'nothing survives, of the others a random 1 %. `burst_freed` and `burst_keep1` then do nothing '
             'for 1.5 s, `burst_light` and `burst_over_light` allocate and free 64 bytes over and over, '
             '`burst_keep1_trim` calls `malloc_trim`.',
             markdown(['row', *content['allocators']], lines)] if lines else [])


def tables(content):
    return '\n\n'.join([ratios.tables(content), *held(content), *drift(content)])


SECTION = Section(
    'micro', 'Workloads of bench/',
    'All rows of [bench/rows.txt](../bench/rows.txt): nanoseconds per call, CPU time of one thread '
    'pinned to one CPU, or wall time of several threads. Memory is the peak of resident memory.',
    measure, tables, charts.draw)
