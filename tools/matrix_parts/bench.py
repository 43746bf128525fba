# SPDX-License-Identifier: MIT
"""Measures every composition beside other allocators, in one interleaved run."""
import fnmatch
import json
import re
import subprocess
import sys
from pathlib import Path

from matrix_parts import compositions, report, runner

sys.path.insert(0, str(compositions.ROOT / 'bench'))

import harness  # noqa: E402
import instructions  # noqa: E402
import pyplot  # noqa: E402

BARE = ('-Dtests=disabled', '-Dtools=false', '-Dbench=false')
WITH_BENCH = ('-Dtests=disabled', '-Dtools=false', '-Dbench=true')
COUNTED = ('pair_64', 'pair_1000', 'pair_8000', 'mixed_ws400', 'batch_64_fifo')
TIMEOUT = 300


def library_of(directory):
    found = sorted(directory.glob('src/libhakmem-malloc*.so'))
    if not found:
        raise RuntimeError(f'no library in {directory}')
    return found[0]


def build_all(options, found):
    """-> {name: library}, with the bench programs in the first one's directory"""
    libraries = {}
    for number, composition in enumerate(found):
        print(f'building {composition.name}', file=sys.stderr, flush=True)
        directory = options.dir / 'bench' / composition.name
        problem = runner.build(composition, directory, 'gcc', WITH_BENCH if not number else BARE)
        if problem:
            raise RuntimeError(f'{composition.name}: {problem}')
        libraries[composition.name] = library_of(directory)
    return libraries


def time_all(options, directory, libraries):
    first, *others = libraries
    output = options.dir / 'bench' / 'times.json'
    command = [sys.executable, compositions.ROOT / 'tools' / 'bench_run.py', '--build', directory,
               '--hakmem', libraries[first], '--rounds', str(options.rounds), '--json', output]
    for name in others:
        command += ['--with', f'{name}={libraries[name]}']
    for peer in options.peers:
        command += ['--with', peer]
    for pattern in options.workload:
        command += ['--workload', pattern]
    command += ['--quick'] if options.quick else []
    # 1: a run failed, which the tables show
    if subprocess.run(command, check=False).returncode not in (0, 1):
        raise RuntimeError('the benches did not run')
    times = json.loads(output.read_text(encoding='utf-8'))
    # there the first one is called hakmem
    times['allocators'] = {first if name == 'hakmem' else name: path
                           for name, path in times['allocators'].items()}
    for cells in times['results'].values():
        cells[first] = cells.pop('hakmem')
    return times


def count_all(options, directory, allocators):
    """-> {row: {allocator: instructions per pair, or a word}}"""
    rows = [row for row in harness.load_rows() if row.name in COUNTED and
            (not options.workload or any(fnmatch.fnmatch(row.name, pattern)
                                         for pattern in options.workload))]
    counts = {}
    for row in rows:
        loop, failed = instructions.per_pair(row, directory, instructions.LOOP_SUFFIX, '', TIMEOUT)
        if failed:
            raise RuntimeError(f'{row.name}: {failed}')
        counts[row.name] = {}
        for name, library in allocators.items():
            print(f'counting {row.name}, {name}', file=sys.stderr, flush=True)
            value, failed = instructions.per_pair(row, directory, '', library, TIMEOUT)
            counts[row.name][name] = failed or round(value - loop + instructions.EMPTY_PAIR, 1)
    return counts


def check_peers(peers):
    for peer in peers:
        found = re.fullmatch(r'[\w.+-]+=(.+)', peer)
        if not found or not Path(found[1]).is_file():
            print(f"matrix.py: --with takes NAME=PATH of a library, not '{peer}'", file=sys.stderr)
            sys.exit(2)


def check_chart():
    if not pyplot.is_possible():
        print(f'matrix.py: {pyplot.MISSING}, or leave --report out', file=sys.stderr)
        sys.exit(2)


def run(options, found):
    check_peers(options.peers)
    if options.report:
        check_chart()
    libraries = build_all(options, found)
    directory = (options.dir / 'bench' / next(iter(libraries)) / 'bench').resolve()
    times = time_all(options, directory.parent, libraries)
    times['instructions'] = count_all(options, directory, times['allocators'])
    measured = options.dir / 'bench' / 'matrix.json'
    measured.write_text(json.dumps(times, indent=1) + '\n', encoding='utf-8')
    print(f'the samples are in {measured}', file=sys.stderr)
    ours = list(libraries)
    print(report.tables(times, ours))
    if options.report:
        report.write(times, ours)
    return 0
