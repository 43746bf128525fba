# SPDX-License-Identifier: MIT
"""Runs one workload under one allocator and says what came of it.

A run yields a dict: the numbers of the workload's closing line, or a 'failure' with its 'detail'.
It never raises for what the program under test does, so that a crash shows in the tables.
"""
import argparse
import fnmatch
import os
import platform
import random
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

BENCH_DIR = Path(__file__).resolve().parent
ROWS_FILE = BENCH_DIR / 'rows.txt'


@dataclass(frozen=True)
class Allocator:
    name: str
    library: str  # path to preload, '' for the system's malloc


@dataclass(frozen=True)
class Row:
    name: str
    program: str
    args: str
    full_count: int
    quick_count: int
    clock: str
    group: str

    def command(self, directory, count):
        return [str(directory / self.program), *self.args.format(n=count).split()]

    def count(self, quick):
        return self.quick_count if quick else self.full_count


def load_rows(path=ROWS_FILE):
    rows = []
    for line in path.read_text(encoding='utf-8').splitlines():
        if line.strip() and not line.startswith('#'):
            name, program, args, full, quick, clock, group = map(str.strip, line.split('|'))
            rows.append(Row(name, program, args, int(full), int(quick), clock, group))
    return rows


def kernel():
    """Name and version of the running kernel, without what its builder added."""
    return f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"


def positive(text):
    """For argparse: a number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0")
    return int(text)


def choose_rows(patterns):
    """The rows whose names match any of them; all without any. ValueError: one matches none."""
    rows = load_rows()
    for pattern in patterns:
        if not fnmatch.filter([row.name for row in rows], pattern):
            raise ValueError(f"no row matches '{pattern}'; see bench/rows.txt")
    return [row for row in rows
            if not patterns or any(fnmatch.fnmatch(row.name, pattern) for pattern in patterns)]


def signal_name(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return f'signal {number}'


def describe_exit(status):
    return signal_name(-status) if status < 0 else f'exit {status}'


def parse_line(text):
    """The numbers of a closing line; None if it is not one."""
    fields = dict(word.split('=', 1) for word in text.split() if '=' in word)
    try:
        return {name: float(value) for name, value in fields.items() if name != 'workload'}
    except ValueError:
        return None


def preload_environment(allocator):
    environment = dict(os.environ)
    environment.pop('LD_PRELOAD', None)
    if allocator.library:
        environment['LD_PRELOAD'] = allocator.library
    return environment


def failed(why, detail=''):
    lines = detail.strip().splitlines()
    return {'failure': why, 'detail': lines[-1] if lines else ''}


def judge(done):
    """The numbers of a finished run, or its failure."""
    # the loader goes on without a library that it cannot load, so the numbers would be libc's
    if 'cannot be preloaded' in done.stderr:
        return failed('not loaded', done.stderr)
    if done.returncode != 0:
        return failed(describe_exit(done.returncode), done.stderr)
    # a workload may print lines of its own before the closing one
    numbers = parse_line((done.stdout.splitlines() or [''])[-1])
    if numbers is None or not {'ops', 'seconds', 'peak_rss_kib'} <= numbers.keys():
        return failed('no result', done.stdout)
    return numbers


def run(command, allocator, timeout, cpu=None):
    """Run once; `cpu` pins a workload of one thread."""
    def pin():
        os.sched_setaffinity(0, {cpu})

    try:
        done = subprocess.run(command, env=preload_environment(allocator), timeout=timeout,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding='utf-8', errors='replace',
                              preexec_fn=None if cpu is None else pin, check=False)
    except subprocess.TimeoutExpired:
        return failed('timeout', f'no end within {timeout} s')
    except OSError as error:
        return failed('cannot start', str(error))
    return judge(done)


def shuffled(allocators, row, turn):
    """-> them in an order that depends on row and round alone. Neighbours change: who runs after one
    that gave huge pages back to the system gets them cheaply.
    """
    return random.Random(f'{row} {turn}').sample(allocators, len(allocators))


def interleave(rows, allocators, rounds, run_one, progress):
    """Every round goes through all rows (of whatever has a name), and on each through all allocators
    in an order of its own. `progress` is told what runs.
    -> {row: {allocator: [run_one(row, allocator), ...]}}
    """
    results = {row.name: {allocator.name: [] for allocator in allocators} for row in rows}
    for turn in range(rounds):
        for index, row in enumerate(rows):
            progress(f'round {turn + 1}/{rounds}, workload {index + 1}/{len(rows)} {row.name}')
            for allocator in shuffled(allocators, row.name, turn):
                results[row.name][allocator.name].append(run_one(row, allocator))
    return results


def pinned_cpu():
    """Where workloads of one thread run."""
    return max(os.sched_getaffinity(0))


def run_row(row, allocator, directory, quick, timeout, pinned):
    """Run a workload of bench/ once; of one thread, where it is pinned to."""
    return run(row.command(directory, row.count(quick)), allocator, timeout,
               pinned_cpu() if pinned and row.clock != 'wall' else None)


def measure(rows, allocators, directory, rounds, quick, timeout, *, pinned, progress):
    """interleave() over workloads of bench/"""
    def run_one(row, allocator):
        return run_row(row, allocator, directory, quick, timeout, pinned)

    return interleave(rows, allocators, rounds, run_one, progress)


def show_progress(text):
    """For measure(): over the last one on a terminal, else a line."""
    sys.stderr.write(f'\r\033[K{text}' if sys.stderr.isatty() else text + '\n')
    sys.stderr.flush()


def end_progress():
    if sys.stderr.isatty():
        sys.stderr.write('\r\033[K')
