# SPDX-License-Identifier: MIT
"""Section `caches`: lines that an operation misses and branches that it mispredicts, by cachegrind."""
import re
import shutil

import harness
import instructions
import report
from matrix_parts.report import markdown

from performance_parts.section import LeftOut, Section

# two lengths of each row, whose difference is what the row does once it runs
COUNTS = {
    'mixed_ws400': (100000, 400000),
    'mixed_ws8192': (300000, 900000),
    'mixed_ws200k': (1000000, 1600000),
    'mixed_16_8k': (100000, 400000),
    'mixed_1k_64k': (100000, 400000),
    'batch_64_fifo': (4, 24),
    'batch_64_random': (4, 24),
    'batch_512_random': (4, 24),
    'calloc_2048': (20, 60),
    'turns_mid': (200, 600),
    'larson': (2, 6),
    'mid_mt': (50000, 150000),
}
# bytes, ways, bytes of a line; the second one stands for a second level of 1 MiB
FIRST, SECOND = '32768,8,64', '1048576,16,64'
COUNTED = {
    'first level, lines missed': r'\bD1\s+misses:\s+([\d,]+)',
    'second level, lines missed': r'\bLLd\s+misses:\s+([\d,]+)',
    'branches mispredicted': r'\bMispredicts:\s+([\d,]+)',
}
TIMEOUT_FACTOR = 8


def cachegrind(command, library, timeout):
    """-> ({what: count}, operations, None), or ({}, 0, failure)"""
    options = ['--cache-sim=yes', '--branch-sim=yes', f'--D1={FIRST}', f'--LL={SECOND}',
               '--cachegrind-out-file=/dev/null']
    done = instructions.valgrind('cachegrind', options, command, library, timeout)
    if done is None:
        return {}, 0, 'timeout'
    numbers = harness.judge(done)
    found = {what: re.findall(pattern, done.stderr) for what, pattern in COUNTED.items()}
    if 'failure' in numbers or not all(found.values()):
        return {}, 0, numbers.get('failure', 'no count')
    return {what: int(counts[-1].replace(',', '')) for what, counts in found.items()}, numbers['ops'], None


def count(row, allocator, context):
    """-> a sample: what is counted, per operation, or a failure"""
    runs = []
    for length in COUNTS[row.name]:
        counts, operations, failed = cachegrind(
            row.command(context.build / 'bench', length), allocator.library,
            context.timeout * TIMEOUT_FACTOR)
        if failed:
            return harness.failed(failed)
        runs.append((counts, operations))
    (low, low_operations), (high, high_operations) = runs
    return {what: (high[what] - low[what]) / (high_operations - low_operations) for what in COUNTED}


def measure(context):
    if not shutil.which('valgrind'):
        raise LeftOut('needs valgrind; install it')
    rows = [row for row in harness.load_rows() if row.name in COUNTS]
    results = {}
    for index, row in enumerate(rows):
        results[row.name] = {}
        for allocator in context.allocators:
            harness.show_progress(f'workload {index + 1}/{len(rows)} {row.name}, {allocator.name}')
            results[row.name][allocator.name] = [count(row, allocator, context)]
    harness.end_progress()
    # counted once, whatever the rounds are: a simulation does not vary as times do
    return {'results': results, 'rounds': 1}


def cell(samples, what):
    return report.failure(samples) or f'{report.median(samples, lambda one: one[what]):.3f}'


def tables(content):
    names = content['allocators']
    return '\n\n'.join(
        markdown([what, *names],
                 [[row, *(cell(cells[name], what) for name in names)]
                  for row, cells in content['results'].items()])
        for what in COUNTED)


SECTION = Section(
    'caches', 'Cache lines and branches',
    'Lines of data that one operation (a malloc or a free, with what the row does to the block) misses in '
    'a first level of 32 KiB and 8 ways and in a second one of 1 MiB and 16 ways, and branches that a simple '
    'predictor gets wrong, simulated by cachegrind, as '
    'the difference of two lengths of each row. It knows neither a prefetcher nor the caches of other cores: '
    'threads run in turn. The blocks themselves are in it, for every allocator the same number of lines; '
    'what differs is what lies beside them, how densely they lie, and which of them come again first: '
    'lines that an allocator hands out in the order of their addresses miss more than those of the blocks '
    'freed last. The driver of `mixed_*` and `turns_*` mispredicts half a branch itself.',
    measure, tables)
