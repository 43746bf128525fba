# SPDX-License-Identifier: MIT
"""Section `suite`: the programs of a build of mimalloc-bench, with its arguments made shorter."""
import dataclasses
import os
import re
import tempfile
from pathlib import Path

from performance_parts import charts, launcher, ratios
from performance_parts.section import LeftOut, Section

THREADS = 2
BARNES_INPUT = '\n{count}\n123\n\n0.025\n0.05\n1.0\n2.0\n5.0\n0.075\n0.25\n1\n'


@dataclasses.dataclass(frozen=True)
class Timing:
    """Which time of a run counts. Programs that run for a fixed time say how much they did in it:
    the pattern finds that number, and `scale` by it are nanoseconds."""
    clock: str
    pattern: str = ''
    scale: float = 0

    @property
    def unit(self):
        return 'ns' if self.pattern else 's'

    def read(self, text):
        found = re.search(self.pattern, text)
        return {'time': self.scale / float(found[1])} if found and float(found[1]) else None


CPU, WALL = Timing('cpu'), Timing('wall')
LARSON = Timing('wall', r'Throughput =\s*(\d+)', 1e9)


@dataclasses.dataclass(frozen=True)
class SuiteProgram:
    name: str
    program: str
    full: str  # arguments; {data} is the file of `data`
    quick: str
    timing: Timing
    data: str = ''
    stdin: str = ''  # text, in which {count} is full or quick

    @property
    def group(self):
        return 'one thread' if self.timing is CPU else 'threads'


def program(name, timing, full='', quick=None, **more):
    more.setdefault('program', name)
    return SuiteProgram(name=name, full=full, quick=full if quick is None else quick,
                        timing=timing, **more)


PROGRAMS = [
    program('cfrac', CPU, '175451865205073170563711388363274837927895'),
    program('espresso', CPU, '{data}', data='largest.espresso'),
    program('barnes', CPU, '40000', '10000', stdin=BARNES_INPUT),
    program('alloc-test1', CPU, '1', program='alloc-test'),
    program('alloc-testN', WALL, f'{THREADS}', program='alloc-test'),
    program('larsonN', LARSON, f'2 8 1000 5000 100 4141 {THREADS}',
            f'1 8 1000 5000 100 4141 {THREADS}', program='larson'),
    program('larsonN-sized', LARSON, f'2 8 1000 5000 100 4141 {THREADS}',
            f'1 8 1000 5000 100 4141 {THREADS}', program='larson-sized'),
    program('cache-scratch1', CPU, f'1 1000 1 1000000 {THREADS}', f'1 1000 1 200000 {THREADS}',
            program='cache-scratch'),
    program('cache-scratchN', WALL, f'{THREADS} 1000 1 1000000 {THREADS}',
            f'{THREADS} 1000 1 200000 {THREADS}', program='cache-scratch'),
    program('cache-thrash1', CPU, f'1 1000 1 1000000 {THREADS}', f'1 1000 1 200000 {THREADS}',
            program='cache-thrash'),
    program('cache-thrashN', WALL, f'{THREADS} 1000 1 1000000 {THREADS}',
            f'{THREADS} 1000 1 200000 {THREADS}', program='cache-thrash'),
    program('glibc-simple', CPU),
    # it runs for two seconds
    program('glibc-thread', Timing('wall', r'(\d+) iterations', 2e9), f'{THREADS}'),
    program('malloc-large', CPU),
    program('mleak', WALL, '20', '3'),
    program('mstress', WALL, f'{THREADS} 50 100', f'{THREADS} 50 20'),
    program('rptest', Timing('wall', r'(\d+) memory ops/CPU', 1e9),
            f'{THREADS} 0 1 2 500 1000 100 8 16000', f'{THREADS} 0 1 2 100 1000 100 8 16000'),
    program('xmalloc-test', Timing('wall', r'free/sec: ([\d.]+) M', 1e3),
            f'-w {THREADS} -t 2 -s 64', f'-w {THREADS} -t 1 -s 64'),
]


def data_file(suite, name):
    """Beside the programs, or where mimalloc-bench has it. -> '' if there is none"""
    folders = [suite, *(suite.parent.parent / 'bench').glob('*')]
    return next((str(folder / name) for folder in folders if (folder / name).is_file()), '')


def find(suite):
    """-> the programs that are there, and a line for each that is not"""
    found, left_out = [], []
    for one in PROGRAMS:
        if not os.access(suite / one.program, os.X_OK):
            left_out.append(f'{one.name}: no program `{one.program}` in the suite')
        elif one.data and not data_file(suite, one.data):
            left_out.append(f'{one.name}: no file `{one.data}` in the suite')
        else:
            found.append(one)
    return found, left_out


def run(context, one, allocator, folder):
    arguments = one.quick if context.quick else one.full
    stdin = os.devnull
    if one.stdin:
        stdin = folder / f'{one.name}.in'
        stdin.write_text(one.stdin.format(count=arguments), encoding='utf-8')
        arguments = ''
    words = arguments.format(data=data_file(context.suite, one.data)).split()
    sample = launcher.run(
        context, allocator, [context.suite / one.program, *words], stdin=stdin, cwd=folder,
        pinned=one.timing is CPU, read=one.timing.read if one.timing.pattern else None)
    if 'failure' not in sample:
        sample.setdefault('time', sample[one.timing.clock])
    return sample


def measure(context):
    if context.suite is None:
        raise LeftOut('needs --suite DIR, with the programs of a build of mimalloc-bench')
    found, left_out = find(context.suite)
    if not found:
        raise LeftOut(f'no program of mimalloc-bench in {context.suite}; build it, and name its '
                      'out/bench')
    with tempfile.TemporaryDirectory(prefix='hakmem-suite-') as folder:
        results = context.interleave(
            found, lambda one, allocator: run(context, one, allocator, Path(folder)))
    return {
        'results': results,
        'units': {one.name: one.timing.unit for one in found},
        'groups': {one.name: one.group for one in found},
        'untimed': [],
        'left_out': left_out,
    }


SECTION = Section(
    'suite', 'Programs of mimalloc-bench',
    'The programs of [mimalloc-bench](https://github.com/daanx/mimalloc-bench) with the arguments of '
    f'its own script, scaled where they can be to runs of a second or two, and {THREADS} threads. CPU '
    'time of those with one thread, wall time of the others; programs that run for a fixed time '
    'show the time of one operation, in nanoseconds.',
    measure, ratios.tables, charts.draw)
