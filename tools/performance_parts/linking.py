# SPDX-License-Identifier: MIT
"""Section `linking`: pairs of blocks, with the library preloaded, linked, in the program, and inlined.

The same drivers are compiled for each, from the sources of bench/. In the program are the objects that
the shared library is made of; inlined are the fast paths, by the header hakmem-inline.h.
"""
import collections
import dataclasses
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import harness
import instructions
import report
from matrix_parts.report import markdown

from performance_parts import ratios
from performance_parts.section import LeftOut, Section

ROW = 'pair_64'
DRIVERS = ('pair', 'constant')
PATTERNS = ('pair', 'batch', 'list', 'used')  # of the driver `constant`
PAIRS = 20000000
QUICK_PART = 20
FLAGS = ('-std=gnu11', '-O2', '-pthread')
SYSTEM, PRELOADED, LINKED, INSIDE = 'system', 'preloaded', 'linked', 'in the program'
INLINED = 'inlined'
POINTER, POINTER_INSIDE = 'pointer form, preloaded', 'pointer form, in the program'
FAST_PATHS = ('-DTAKE=hakmem_malloc', '-DGIVE=hakmem_free')

Pattern = collections.namedtuple('Pattern', 'name')


@dataclasses.dataclass(frozen=True)
class Form:
    name: str
    preload: str
    link: tuple  # arguments of the linker
    flags: tuple = ()  # of the compiler
    drivers: tuple = DRIVERS


def forms(context):
    library = Path(context.allocators[0].library)
    objects = sorted(library.parent.glob(f'{library.name}.p/**/*.o'))
    if not objects:
        raise LeftOut(f'needs the objects of {library.name}, which are in a build directory only')
    found = [
        Form(SYSTEM, '', ()),
        Form(PRELOADED, str(library), ()),
        Form(LINKED, '', (library, f'-Wl,-rpath,{library.parent}')),
        Form(INSIDE, '', (*objects, '-ldl')),
    ]
    stem = library.name.partition('.so')[0]
    header = library.parent / f'{stem.replace("libhakmem-malloc", "hakmem-inline")}.h'
    archive = library.parent / f'{stem}.a'
    if header.is_file() and archive.is_file():
        found.append(Form(INLINED, '', (archive,), ('-include', header, *FAST_PATHS), ('constant',)))
    return found + pointer_forms(library)


def pointer_forms(library):
    """The library whose bins lie in the heap object, which is built here: no other part needs it."""
    pointer = library.parent / f'{library.name.partition(".so")[0].replace("malloc", "pointer")}.so'
    build = library.parent.parent
    if not (build / 'build.ninja').is_file():
        return []
    done = subprocess.run(['ninja', '-C', build, pointer.relative_to(build)], check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding='utf-8', errors='replace')
    if done.returncode != 0:
        raise LeftOut(f'cannot build {pointer.name}: {done.stdout[-500:]}')
    objects = sorted(pointer.parent.glob(f'{pointer.name}.p/**/*.o'))
    return [Form(POINTER, str(pointer), ()), Form(POINTER_INSIDE, '', (*objects, '-ldl'))]


def compiler():
    return next((name for name in (os.environ.get('CC', ''), 'cc', 'gcc', 'clang')
                 if name and shutil.which(name)), None)


def build(form, folder):
    """-> where the driver is"""
    folder = folder / form.name.replace(' ', '-')
    folder.mkdir()
    for driver in form.drivers:
        sources = [harness.BENCH_DIR / source for source in (f'{driver}.c', 'common.c', 'args.c')]
        done = subprocess.run(
            [compiler(), *FLAGS, *form.flags, *sources, '-o', folder / driver, *form.link], check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding='utf-8', errors='replace')
        if done.returncode != 0:
            raise LeftOut(f'cannot build a driver with the library {form.name}: {done.stdout[-500:]}')
    return folder


def count(row, context, form, folder, loop):
    value, failed = instructions.per_pair(row, folder, '', form.preload, context.timeout)
    return {'failure': failed} if failed else {'instructions': value - loop}


def run_forms(context, rows, all_forms, command_of):
    """-> as Context.interleave(), the forms in the place of allocators"""
    cpu = harness.pinned_cpu()
    results = dataclasses.replace(context, allocators=[
        harness.Allocator(form.name, form.preload) for form in all_forms]).interleave(
            rows, lambda row, form: harness.run(command_of(row, form), form, context.timeout, cpu))
    for sample in ratios.samples_of(results):
        sample['time'] = report.ns_per_op(sample)
    return results


def measure_forms(context, row, all_forms, folder):
    folders = {form.name: build(form, folder) for form in all_forms}
    pairs = PAIRS // QUICK_PART if context.quick else PAIRS
    results = run_forms(
        context, [Pattern(name) for name in PATTERNS], all_forms,
        lambda pattern, form: [folders[form.name] / 'constant', pattern.name, str(pairs)])
    all_forms = [form for form in all_forms if 'pair' in form.drivers]
    results |= run_forms(
        context, [row], all_forms,
        lambda row, form: row.command(folders[form.name], row.count(context.quick)))
    left_out = [] if INLINED in folders else [
        f'{INLINED}: the build has no archive, as with link-time optimisation, or no hakmem-inline.h']
    left_out += [] if POINTER in folders else [f'{POINTER}: the library is in no build directory']
    content = {'results': results, 'counts': {}, 'left_out': left_out}
    if not shutil.which('valgrind'):
        return {**content, 'left_out': [*left_out, 'instructions: valgrind is not installed']}
    loop, failed = instructions.per_pair(row, context.build / 'bench', instructions.LOOP_SUFFIX, '',
                                         context.timeout)
    if failed:
        return {**content, 'left_out': [*left_out, f'instructions: those of the loop alone: {failed}']}
    for form in all_forms:
        content['counts'][form.name] = count(row, context, form, folders[form.name],
                                             loop - instructions.EMPTY_PAIR)
    content['wrong'] = [f'instructions, {name}: {counted["failure"]}'
                        for name, counted in content['counts'].items() if 'failure' in counted]
    return content


def measure(context):
    if not compiler():
        raise LeftOut('needs a C compiler')
    row, = (row for row in harness.load_rows() if row.name == ROW)
    with tempfile.TemporaryDirectory(prefix='hakmem-linking-') as folder:
        return measure_forms(context, row, forms(context), Path(folder))


def line(content, name):
    samples = content['results'][ROW][name]
    counted = content['counts'].get(name, {})
    instruction_cell = counted.get('failure') or (
        f'{counted["instructions"]:.1f}' if counted else '–')
    if report.failure(samples):
        return [name, report.failure(samples), '–', instruction_cell]
    values = [2 * sample['time'] for sample in samples]
    return [name, f'{report.median(samples, lambda sample: 2 * sample["time"]):.2f}',
            f'{min(values):.2f}..{max(values):.2f}', instruction_cell]


def constant_line(content, name):
    cells = [content['results'][pattern][name] for pattern in PATTERNS]
    return [name, *(report.failure(samples) or
                    f'{report.median(samples, lambda sample: 2 * sample["time"]):.2f}'
                    for samples in cells)]


def tables(content):
    """One size that the compiler does not know, and sizes that it knows."""
    return '\n\n'.join([
        markdown(['form', 'ns a pair', 'min..max', 'instructions a pair'],
                 [line(content, name) for name in content['results'][ROW]]),
        'Sizes that the compiler knows (`bench/constant.c`), ns a pair: one block at a time, a batch of 40, '
        'a list of 64 nodes that is built and walked, two blocks that are written and read. `inlined` has '
        'the fast paths in the loop, by `hakmem-inline.h`:',
        markdown(['form', *PATTERNS],
                 [constant_line(content, name) for name in content['results'][PATTERNS[0]]])])


SECTION = Section(
    'linking', 'Preloaded, linked, or in the program',
    'A malloc and free of 64 bytes, by one driver that is compiled for each form: with the library '
    'preloaded; linked as a shared library; and with its objects in the program, where calls go '
    "to it without the loader's table and its thread-local bins are at a known distance. "
    "`system` is the C library's malloc. It is the same block each time, so the time is that of a chain "
    'of stores and loads, which a shorter call does not shorten. The pointer form has its bins in '
    'the heap object, whose address each call loads first (`HK_TLS_BINS=0`): for a thread that shall have '
    'several heaps, and with 24 bytes of static TLS; no option installs it.',
    measure, tables)
