# SPDX-License-Identifier: MIT
"""Section `instructions`: how many a malloc and free pair takes, by callgrind."""
import shutil

import harness
import instructions
import report
from matrix_parts.report import markdown

from performance_parts.section import LeftOut, Section

# callgrind is some fifty times slower than the machine
TIMEOUT_FACTOR = 5


def sample(value, failed):
    return harness.failed(failed) if failed else {'instructions': value}


def measure(context):
    if not shutil.which('valgrind'):
        raise LeftOut('needs valgrind; install it')
    counts = instructions.count(
        instructions.supported(harness.load_rows()), context.allocators, context.build / 'bench',
        context.timeout * TIMEOUT_FACTOR, harness.show_progress)
    harness.end_progress()
    results = {row: {name: [sample(*count)] for name, count in cells.items()}
               for row, cells in counts.items()}
    # counted once, whatever the rounds are: counts do not vary as times do
    return {'results': results, 'rounds': 1}


def cell(samples):
    return report.failure(samples) or f'{report.median(samples, lambda one: one["instructions"]):.1f}'


def tables(content):
    names = [*content['allocators'], instructions.LOOP]
    return markdown(['instructions a pair', *names],
                    [[row, *(cell(cells[name]) for name in names)]
                     for row, cells in content['results'].items()])


SECTION = Section(
    'instructions', 'Instructions',
    'Those of one malloc and one free, counted by callgrind as the difference of two runs, so that '
    'start-up cancels out. What the loop itself takes is taken off, and shown in the last column. '
    'Some allocators do not run under valgrind: then the table has the signal.',
    measure, tables)
