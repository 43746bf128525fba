# SPDX-License-Identifier: MIT
"""Section `startup`: what an allocator adds to a program that does nothing."""
import dataclasses
import shutil
import subprocess
import tempfile
from pathlib import Path

import report
from matrix_parts.report import markdown

from performance_parts import launcher
from performance_parts.section import LeftOut, Section

ROW = 'true'
RUNS_A_ROUND = {False: 40, True: 5}  # by whether it is quick
EVENTS = ('+++', '---')  # what strace says of signals and of the end


@dataclasses.dataclass(frozen=True)
class Nothing:
    name: str
    command: str


def system_calls(context, command, allocator):
    """-> their number, or None if they cannot be counted"""
    preload = ['-E', f'LD_PRELOAD={allocator.library}'] if allocator.library else []
    with tempfile.TemporaryDirectory(prefix='hakmem-strace-') as folder:
        trace = Path(folder) / 'trace'
        try:
            done = subprocess.run(
                ['strace', '-f', '-o', trace, *preload, command], env=launcher.environment({}),
                timeout=context.timeout, check=False, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return None
        if done.returncode != 0 or not trace.exists():
            return None
        lines = trace.read_text(encoding='utf-8', errors='replace').splitlines()
    return sum(not any(event in line for event in EVENTS) and 'resumed>' not in line
               for line in lines) or None


def count_calls(context, command):
    """-> {allocator: number or None}, and the lines of what could not be counted"""
    if not shutil.which('strace'):
        return {}, ['system calls: strace is not installed']
    calls = {allocator.name: system_calls(context, command, allocator)
             for allocator in context.allocators}
    return calls, [f'system calls of {name}: strace cannot run it'
                   for name, count in calls.items() if count is None]


def measure(context):
    command = shutil.which('true')
    if not command:
        raise LeftOut('needs the program `true`')
    runs = dataclasses.replace(context, rounds=context.rounds * RUNS_A_ROUND[context.quick])
    results = runs.interleave(
        [Nothing(ROW, command)],
        lambda row, allocator: launcher.run(context, allocator, [row.command], pinned=True))
    calls, left_out = count_calls(context, command)
    return {'results': results, 'system_calls': calls, 'runs': runs.rounds, 'left_out': left_out}


def line(content, name):
    samples = content['results'][ROW][name]
    if report.failure(samples):
        return [name, report.failure(samples), '–', '–', '–', '–']
    calls = content['system_calls'].get(name)
    times = [sample['cpu'] * 1e3 for sample in samples]
    return [name, '–' if calls is None else str(calls),
            f'{report.median(samples, lambda sample: sample["minor_faults"]):.0f}',
            f'{report.median(samples, report.mib):.2f}',
            f'{report.median(samples, lambda sample: sample["cpu"] * 1e3):.2f}',
            f'{min(times):.2f}..{max(times):.2f}']


def tables(content):
    return f"Medians of {content['runs']} runs.\n\n" + markdown(
        ['allocator', 'system calls', 'page faults', 'peak RSS, MiB', 'CPU, ms', 'min..max'],
        [line(content, name) for name in content['allocators']])


SECTION = Section(
    'startup', 'Start-up',
    '`true` under each allocator, pinned to one CPU: all of it is start-up. The system calls are '
    "those of one run, the loader's included, as `strace` counts them; CPU time is user and system.",
    measure, tables)
