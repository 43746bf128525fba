# SPDX-License-Identifier: MIT
"""Section `fragmentation`: what rounding up to a block's size leaves unused, by arithmetic.

The sizes are those that real programs asked for (tables/histograms/), each counted once a request. The
rules are the library's own:

    to 1 KiB        the next multiple of 16, and 16 for 0: hk_tiny_offset in src/common/sizes.h
    to pool_max     the next class of the size table: hk_bin_block_size in src/common/sizes.h
    to HK_SPAN_MAX  whole slices of 64 KiB: alloc_span in src/coldbox/large.c

A kept span may be a quarter longer than what was asked for (hk_cold_large_pop in src/coldbox/spans.c),
which depends on what was freed before and is not counted here.
"""
import bisect

import size_rules
import size_suggest
from matrix_parts.report import markdown

from performance_parts.section import LeftOut, Section

HISTOGRAMS = size_rules.ROOT / 'tables' / 'histograms'
SLICE = 64 * 1024
SMALL, POOL, LARGE = 'to 1 KiB', f'to {size_rules.POOL_MAX // 1024} KiB', 'above'


def part_of(size):
    return SMALL if size <= size_rules.TINY_MAX else POOL if size <= size_rules.POOL_MAX else LARGE


def block_size(size, classes):
    """-> bytes of the block that a request of `size` gets"""
    if size <= size_rules.TINY_MAX:
        return max(size_rules.ALIGN, -(-size // size_rules.ALIGN) * size_rules.ALIGN)
    if size <= classes[-1]:
        return classes[bisect.bisect_left(classes, size)]
    return -(-size // SLICE) * SLICE


def add_up(counts, classes):
    """{size: count} -> {part: {'requests', 'asked', 'given'}}"""
    sums = {part: {'requests': 0, 'asked': 0, 'given': 0} for part in (SMALL, POOL, LARGE)}
    for size, count in counts.items():
        part = sums[part_of(size)]
        part['requests'] += count
        part['asked'] += count * size
        part['given'] += count * block_size(size, classes)
    return sums


def measure(_):
    paths = sorted(HISTOGRAMS.glob('*.txt'))
    if not paths:
        raise LeftOut('needs histograms; make them with tables/count_programs.py')
    classes = size_rules.load(size_rules.DEFAULT).classes
    sums = {path.stem: add_up(size_suggest.read_histogram([path]), classes) for path in paths}
    # computed: there are no rounds
    return {'rounds': 1, 'results': {
        program: {part: [numbers] for part, numbers in parts.items()}
        for program, parts in sums.items()}}


def unused(numbers):
    """Bytes a request."""
    if not numbers['requests']:
        return '–'
    return f"{(numbers['given'] - numbers['asked']) / numbers['requests']:.1f}"


def line(program, parts):
    numbers = {part: samples[0] for part, samples in parts.items()}
    every = {key: sum(one[key] for one in numbers.values()) for key in ('requests', 'asked', 'given')}
    return [program, str(every['requests']), f"{every['asked'] / every['requests']:.1f}",
            *map(unused, numbers.values()), unused(every),
            f"{100 * (every['given'] - every['asked']) / every['given']:.1f} %"]


def tables(content):
    return 'Bytes unused for a request, by what it asked for:\n\n' + markdown(
        ['program', 'requests', 'mean request, bytes', SMALL, POOL, LARGE, 'all', 'of all blocks'],
        [line(program, parts) for program, parts in content['results'].items()])


SECTION = Section(
    'fragmentation', 'Rounding up',
    'What blocks leave unused because a request is rounded up to the size of its block, with the size '
    'table [default.txt](../tables/default.txt), for the requests to 1 MiB that real programs made '
    '([tables/histograms](../tables/histograms)). It is computed: steps of 16 bytes to 1 KiB, the '
    'classes of the table, and slices of 64 KiB above, whose pages are untouched where they are not '
    'used. What pages and superslabs leave unused is not in it; the rows `drift` have all of it.',
    measure, tables)
