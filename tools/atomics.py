#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count the atomic read-modify-writes and the locks that hakmem executes, by source line.

Rows of the bench run under callgrind with the library preloaded. Instructions with a `lock` prefix and
`xchg` with memory are found in the library, and how often each was executed is shown for every million
operations (one malloc or one free), start and end of the program included. Kinds are

    take    of one of the library's locks (hk_lock_take), shown at its caller
    give    of such a lock
    fence   orders memory and shares nothing
    atomic  every other one

A thread is started and ended first, since the library has fewer atomic operations as long as a
process has one thread. Valgrind runs one thread at a time: the counts are those of that interleaving.
On two cores there is more to wait for, and blocks come home in other batches. The library needs line
numbers: `meson setup DIR -Ddebug=true`.

Exit status: 0, 1 if any run failed, 2 if the command line, a library or a program is wrong.
"""
import argparse
import collections
import json
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / 'bench'), str(ROOT / 'tools')]
sys.dont_write_bytecode = True

import atomic_sites  # noqa: E402
import bench_run  # noqa: E402
import harness  # noqa: E402
import instructions  # noqa: E402
from program import UsageError, as_program  # noqa: E402

# rows and their {n}: half a million operations or so
COUNTS = {
    'mixed_ws400': 500000,
    'mixed_1k_64k': 500000,
    'mixed_64k_1m': 200000,
    'batch_64_random': 25,
    'hand_off': 250000,
    'hand_off_batch': 250000,
    'larson': 3,
    'mid_mt': 120000,
    'xthread_free': 120000,
    'larson_crowd': 2,
    'mid_mt_crowd': 16000,
    'fan_in': 16000,
}
OPTIONS = ('--dump-instr=yes', '--compress-strings=no', '--compress-pos=no', '--fair-sched=try')


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--build', metavar='DIR', default='build', help='build directory (default: build)')
    add('--hakmem', metavar='PATH', help='library to test instead of the one built in DIR')
    add('--workload', metavar='GLOB', action='append', default=[],
        help=f'only the rows whose names match, of {", ".join(COUNTS)}; may be repeated')
    add('--count', metavar='N', type=harness.positive,
        help='{n} of these rows in bench/rows.txt (default: half a million operations or so)')
    add('--timeout', metavar='SECONDS', type=harness.positive, default=300,
        help='limit of one run (default: 300)')
    add('--json', metavar='FILE', help='write the counts there as well')
    return parser.parse_args(argv)


def choose_rows(patterns):
    rows = [row for row in bench_run.choose_rows(patterns) if row.name in COUNTS]
    if not rows:
        raise UsageError('none of these rows is counted; choose among ' + ', '.join(COUNTS))
    return rows


def count_command(command, ours, sites, timeout):
    """-> {'ops': N, 'counts': {(function, source, kind): executions}}, or a failure

    The program is one of the build's, where the library lies that makes it one of several threads.
    """
    second_thread = Path(command[0]).parent / 'libhakmem-bench-thread.so'
    with tempfile.TemporaryDirectory() as scratch:
        library = atomic_sites.copy_without_lines(ours.library, scratch)
        done = instructions.callgrind(command, f'{library}:{second_thread}', timeout, scratch,
                                      OPTIONS)
        if done is None:
            return harness.failed('timeout', f'no end within {timeout} s')
        numbers = harness.judge(done)
        if 'failure' in numbers:
            return numbers
        by_address = collections.Counter()
        for path in Path(scratch).glob('callgrind.*'):
            by_address += atomic_sites.executions(path, library)
    if not by_address:
        return harness.failed('no count', 'callgrind saw nothing of the library')
    # several addresses of one line are one
    counts = collections.Counter()
    for address, site in sites.items():
        counts[site.function, site.source, site.kind] += by_address[address]
    return {'ops': numbers['ops'], 'counts': counts}


def entries_of(results):
    """-> plain dicts, one for each place and row where it was executed"""
    return [{'row': row, 'function': function, 'source': source, 'kind': kind,
             'executions': executions, 'per_million': executions * 1e6 / result['ops']}
            for row, result in results.items() if 'failure' not in result
            for (function, source, kind), executions in result['counts'].items() if executions]


def markdown(header, lines):
    ruler = ['---', '---', '---'] + ['---:'] * (len(header) - 3)
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in [header, ruler, *lines])


def number(value):
    return f'{value:.0f}' if value >= 10 else f'{value:.1f}' if value else '0'


def table(results):
    """Places by rows, the hottest first, and the sums of each kind."""
    rows = list(results)
    places = collections.defaultdict(dict)
    sums = collections.defaultdict(lambda: collections.Counter())
    for entry in entries_of(results):
        place = entry['function'], entry['source'], entry['kind']
        places[place][entry['row']] = entry['per_million']
        sums[entry['kind']][entry['row']] += entry['per_million']
        sums['all'][entry['row']] += entry['per_million']
    lines = [[f'**{kind}**', '', '', *(results[row].get('failure') or number(sums[kind][row])
                                      for row in rows)]
             for kind in ('all', 'take', 'give', 'fence', 'atomic')]
    for place, cells in sorted(places.items(), key=lambda item: -max(item[1].values())):
        lines.append([f'`{place[0]}`', place[1], place[2],
                      *(number(cells.get(row, 0)) for row in rows)])
    return markdown(['function', 'source', 'kind', *rows], lines)


def run(options):
    rows = choose_rows(options.workload)
    if not shutil.which('valgrind'):
        raise UsageError('the counts are valgrind\'s; install it')
    bench_run.check_outputs(options.json)
    ours = bench_run.find_ours(options)
    try:
        sites = atomic_sites.find(ours.library)
    except atomic_sites.NotUsable as error:
        raise UsageError(str(error)) from None
    directory = bench_run.find_programs(options, rows)
    results = {}
    for place, row in enumerate(rows):
        harness.show_progress(f'row {place + 1}/{len(rows)} {row.name}')
        command = row.command(directory, options.count or COUNTS[row.name])
        results[row.name] = count_command(command, ours, sites, options.timeout)
    harness.end_progress()
    print('Executions of atomic read-modify-writes for a million operations, under valgrind, which '
          'runs one\nthread at a time.\n')
    print(table(results))
    if options.json:
        content = {'library': ours.library, 'entries': entries_of(results),
                   'ops': {name: result.get('ops', 0) for name, result in results.items()}}
        Path(options.json).write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')
    failed = [f'{name}: {result["failure"]}: {result["detail"]}'
              for name, result in results.items() if 'failure' in result]
    if failed:
        print('\nfailed:\n' + '\n'.join(failed))
    return 1 if failed else 0


if __name__ == '__main__':
    as_program('atomics.py', lambda argv: run(parse_arguments(argv)))
