# SPDX-License-Identifier: MIT
"""Instructions per malloc/free pair, counted by callgrind.

Each workload runs with two counts, and the difference of the totals is divided by the difference
in pairs, so that start-up cancels out. The same workload linked against an allocator of empty
functions gives the cost of the loop, which is taken off.
"""
import re
import subprocess
import tempfile
from pathlib import Path

import harness
import report

COUNTS = {
    'pair_16': (20000, 120000),
    'pair_64': (20000, 120000),
    'pair_1000': (20000, 120000),
    'pair_8000': (20000, 120000),
    'pair_100000': (2000, 12000),
    'mixed_ws400': (100000, 400000),
    'mixed_ws8192': (200000, 600000),
    'mixed_16_8k': (100000, 400000),
    'batch_64_fifo': (4, 24),
    'batch_64_random': (4, 24),
}

# what the empty malloc (address, return) and free (return) execute themselves on x86-64
EMPTY_PAIR = 3
LOOP_SUFFIX = '_loop'
LOOP = '(loop)'


def valgrind(tool, options, command, library, timeout):
    """Run under a tool of valgrind. -> the finished run, None if out of time"""
    # valgrind's own start-up script must not run under the allocator, so env sets the preload
    preload = ['env', f'LD_PRELOAD={library}'] if library else ['env', '-u', 'LD_PRELOAD']
    under = ['valgrind', f'--tool={tool}', '--trace-children=yes', *options]
    try:
        return subprocess.run([*under, *preload, *command], timeout=timeout, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding='utf-8', errors='replace')
    except subprocess.TimeoutExpired:
        return None


def callgrind(command, library, timeout, scratch, options=()):
    """Run under callgrind, with its files in `scratch`. -> the finished run, None if out of time"""
    files = f'--callgrind-out-file={Path(scratch) / "callgrind.%p"}'
    return valgrind('callgrind', [*options, files], command, library, timeout)


def count_run(command, library, timeout):
    """-> (instructions, pairs, None), or (0, 0, failure)"""
    with tempfile.TemporaryDirectory() as scratch:
        done = callgrind(command, library, timeout, scratch)
    if done is None:
        return 0, 0, 'timeout'
    totals = re.findall(r'Collected\s*:\s*(\d+)', done.stderr)
    numbers = harness.judge(done)
    if 'failure' in numbers or not totals:
        return 0, 0, numbers.get('failure', 'no count')
    return int(totals[-1]), numbers['ops'] / 2, None


def per_pair(row, directory, suffix, library, timeout):
    """-> (instructions per pair, None), or (None, failure)"""
    totals = []
    for count in COUNTS[row.name]:
        command = row.command(directory, count)
        command[0] += suffix
        instructions, pairs, failed = count_run(command, library, timeout)
        if failed:
            return None, failed
        totals.append((instructions, pairs))
    (low, low_pairs), (high, high_pairs) = totals
    return (high - low) / (high_pairs - low_pairs), None


def count(rows, allocators, directory, timeout, progress):
    """-> {row: {allocator: (instructions per pair, None) or (None, failure)}}, the loop taken off;
    what the loop takes is there as LOOP"""
    counts = {}
    for index, row in enumerate(rows):
        loop, failed = per_pair(row, directory, LOOP_SUFFIX, '', timeout)
        loop = 0 if failed else loop - EMPTY_PAIR
        counts[row.name] = {}
        for allocator in allocators:
            progress(f'workload {index + 1}/{len(rows)} {row.name}, {allocator.name}')
            value, failure = per_pair(row, directory, '', allocator.library, timeout)
            counts[row.name][allocator.name] = (None if failure else value - loop, failure)
        counts[row.name][LOOP] = (None if failed else loop, failed)
    return counts


def measure(rows, allocators, directory, timeout, progress):
    """-> (lines of the table, True if every count succeeded)"""
    names = [*(allocator.name for allocator in allocators), LOOP]
    counts = count(rows, allocators, directory, timeout, progress)
    lines = [['instructions/pair', *names]]
    lines += [[row, *(cells[name][1] or f'{cells[name][0]:.1f}' for name in names)]
              for row, cells in counts.items()]
    complete = all(not failed for cells in counts.values() for _, failed in cells.values())
    return report.align(lines), complete


def supported(rows):
    return [row for row in rows if row.name in COUNTS]
