# SPDX-License-Identifier: MIT
"""Section `programs`: real programs, wall time and peak memory."""
import shutil
import subprocess
import tempfile

import real_programs

from performance_parts import charts, launcher, ratios, redis
from performance_parts.section import LeftOut, Section


def run(context, program, allocator, folder):
    if program.name == redis.NAME:
        sample = redis.run(context, allocator)
    else:
        sample = launcher.run(context, allocator, program.command, stdin=program.stdin,
                              more=program.environment, cwd=folder)
    if 'failure' not in sample:
        sample['time'] = sample['wall']
    return sample


def find(folder):
    """-> the programs that are there, ready to run, and a line on each that is not"""
    ready, absent = real_programs.all_programs(folder)
    missing = [f'{name}: not installed' for name in absent]
    found = []
    for program in ready:
        try:
            if program.prepare:
                program.prepare()
            found.append(program)
        except subprocess.CalledProcessError as error:
            missing.append(f'{program.name}: {error}')
    if all(map(shutil.which, redis.COMMANDS)):
        found.append(real_programs.Program(redis.NAME, redis.COMMANDS))
    else:
        missing.append(f'{redis.NAME}: not installed')
    return found, missing


def measure(context):
    with tempfile.TemporaryDirectory(prefix='hakmem-programs-') as folder:
        found, missing = find(folder)
        if not found:
            raise LeftOut('needs real programs, such as sqlite3 and gcc; install some')
        results = context.interleave(
            found, lambda program, allocator: run(context, program, allocator, folder))
    return {
        'results': results,
        'units': {program.name: 's' for program in found},
        'groups': {program.name: 'programs' for program in found},
        'untimed': [],
        'left_out': missing,
    }


SECTION = Section(
    'programs', 'Real programs',
    'Wall time from start to end, start-up included, and peak memory, of the process that needs '
    'most where there are several. Python runs with `PYTHONMALLOC=malloc`, so that its own pools do '
    'not hide the allocator. For redis the time is that of `redis-benchmark`, which runs with the '
    "system's malloc, and the memory is the server's; where the server is linked with an allocator, "
    'as Debian\'s is with jemalloc, `system` is that one.',
    measure, ratios.tables, charts.draw)
