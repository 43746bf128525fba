# SPDX-License-Identifier: MIT
"""Section `atomics`: the atomic operations and locks of the library, counted by callgrind."""
import dataclasses
import shutil

import atomic_sites
import atomics
import harness
from matrix_parts.compositions import ROOT

from performance_parts import contention, scaling
from performance_parts.section import LeftOut, Section

# callgrind is some fifty times slower than the machine
TIMEOUT_FACTOR = 5
QUICK_PART = 10


def count_of(row, quick):
    full = atomics.COUNTS[row.name]
    return max(1, full // QUICK_PART) if quick else full


def find_sites(library):
    """-> the sites of the library, by address, each with the function of its own line"""
    return {address: dataclasses.replace(
        site, function=contention.name_of(ROOT, site.function, site.source))
            for address, site in atomic_sites.find(library).items()}


def count(context, ours, sites):
    """-> as atomics.count_command(), by row"""
    rows = [row for row in harness.load_rows() if row.name in atomics.COUNTS]
    counted = {}
    for place, row in enumerate(rows):
        harness.show_progress(f'atomic operations, row {place + 1}/{len(rows)} {row.name}')
        command = row.command(context.build / 'bench', count_of(row, context.quick))
        counted[row.name] = atomics.count_command(command, ours, sites,
                                                  context.timeout * TIMEOUT_FACTOR)
    harness.end_progress()
    return counted


def sample(counted):
    return counted if 'failure' in counted else {'ops': counted['ops']}


def measure(context):
    if not shutil.which('valgrind'):
        raise LeftOut('needs valgrind; install it')
    ours = context.allocators[0]
    try:
        sites = find_sites(ours.library)
    except atomic_sites.NotUsable as error:
        raise LeftOut(f'cannot read where the library has atomic operations: {error}') from None
    counted = count(context, ours, sites)
    places = sorted({(site.function, site.source, site.kind) for site in sites.values()})
    return {
        # counted once, whatever the rounds are, and hakmem's alone
        'rounds': 1,
        'allocators': [ours.name],
        'results': {row: {ours.name: [sample(one)]} for row, one in counted.items()},
        'entries': atomics.entries_of(counted),
        'places': places,
        'wrong': contention.unknown({(function, source) for function, source, _ in places}),
    }


def markdown(header, lines, numbers=()):
    """Only the columns `numbers` are at the right."""
    ruler = ['---:' if name in numbers else '---' for name in header]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in [header, ruler, *lines])


def knowledge(function, source):
    site = contention.find(function, source)
    if not site and not contention.line_of(source):
        return ['code without a line', '–']
    return [site.purpose, site.contenders] if site else ['**not known**', '**not known**']


def short(source):
    """Without the compiler's word for one of several pieces of code on a line."""
    return source.partition(' ')[0]


def by_place(content):
    """-> {(function, source, kind): {row: executions a million operations}}, the hottest first"""
    found = {}
    for entry in content['entries']:
        place = entry['function'], short(entry['source']), entry['kind']
        cells = found.setdefault(place, {})
        cells[entry['row']] = cells.get(entry['row'], 0) + entry['per_million']
    return dict(sorted(found.items(), key=lambda item: -max(item[1].values())))


def without_gives(places):
    """A lock is given back where it was taken, as often: that is not shown again."""
    takers = {function for function, _, kind in places if kind == 'take'}
    return [place for place in places if place[2] != 'give' or place[0] not in takers]


def sums(content, rows):
    lines = []
    for kind in ('all', 'take', 'give', 'fence', 'atomic'):
        totals = [sum(entry['per_million'] for entry in content['entries']
                      if entry['row'] == row and kind in ('all', entry['kind'])) for row in rows]
        lines.append([f'**{kind}**', '', '', *map(atomics.number, totals), ''])
    return lines


def executed(content):
    rows = [row for row, cells in content['results'].items()
            for samples in cells.values() if 'failure' not in samples[0]]
    lines = sums(content, rows)
    found = by_place(content)
    for function, source, kind in without_gives(found):
        cells = found[function, source, kind]
        purpose, contenders = knowledge(function, source)
        lines.append([f'`{function}`, {source}', kind, purpose,
                      *(atomics.number(cells.get(row, 0)) for row in rows), contenders])
    return markdown(['function, line', 'kind', 'what for', *rows, 'who contends, of 128 cores'],
                    lines, rows)


def never_executed(content):
    seen = {(function, source.partition(':')[0]) for function, source, _ in by_place(content)}
    rest = {}
    for function, source, _ in without_gives(content['places']):
        path = source.partition(':')[0]
        if (function, path) not in seen:
            rest.setdefault((path, function), set()).add(contention.line_of(source))
    lines = [[f'`{function}`, {path}:{", ".join(map(str, sorted(numbers)))}',
              *knowledge(function, f'{path}:{max(numbers)}')]
             for (path, function), numbers in sorted(rest.items())]
    if not lines:
        return 'No function with atomic operations was left out by these rows.'
    return ('Functions that none of these rows called:\n\n'
            + markdown(['function, lines', 'what for', 'who contends, of 128 cores'], lines))


def failed(content):
    lines = [f'- {row}: {samples[0]["failure"]}' for row, cells in content['results'].items()
             for samples in cells.values() if 'failure' in samples[0]]
    return ['Rows that failed:\n\n' + '\n'.join(lines)] if lines else []


def posted(content):
    """What the queue of one heap takes of the time of the only thread that allocates."""
    found = [entry['per_million'] for entry in content['entries'] if entry['row'] == 'hand_off'
             and contention.find(entry['function'], entry['source'])
             in (contention.KNOWN['src/coldbox/remote.c'][name] for name in ('push', 'hk_cold_drain'))]
    if not found:
        return []
    # two operations, of which it does one
    share = 2 * sum(found) * scaling.LINE / (1e6 * scaling.OPERATION)
    return ['The queue of one heap is not among them: other threads can free no more than its thread '
            f'allocates. In `hand_off`, where one other thread frees, there are {atomics.number(sum(found))} '
            f'visits in a million operations, {share:.0%} of that thread\'s time. Where many free, each has '
            f'fewer blocks of a page to send at once; the queue takes a chain in {scaling.LINE} ns.']


def modelled(content):
    """What the resources that all threads share would cost on many cores, each by its worst row."""
    cores = [f'{count} cores' for count in scaling.CORES]
    most = scaling.CORES[-1]
    numbers = ['visits in a million operations', 'ns each', *cores, 'ns of work']
    lines = [[resource, row, atomics.number(demand.visits), f'{demand.busy / demand.visits:.0f}',
              *(f'{demand.speed(count):.2f}' for count in scaling.CORES), f'{demand.work(most):.0f}']
             for resource, (row, demand) in scaling.worst(scaling.demands(content['entries'])).items()]
    return '\n\n'.join([
        '**On many cores** (a model, not a measurement). Every core runs the row that needs the resource '
        f'most, as often as counted above, and does nothing else: {scaling.OPERATION} ns for an operation '
        f'that shares nothing. A word comes from another core in {scaling.LINE} ns, and a lock is held for '
        f'{scaling.LOCKED} ns, in which its line and three of what it guards come. Waiting is that '
        'of a closed queueing network with one server, by mean value analysis. All operations of the '
        'functions named above count, also the few on words that are a thread\'s own; purges, which hold '
        'the lock longer, are as short as the others here. Speeds are a thread\'s own, '
        '1 being what it would do alone; the last column is what an operation has to take, with all '
        f'that the program does with its block, for {most} cores to keep {scaling.GOOD} of it.',
        markdown(['what is shared', 'worst row', *numbers], lines, numbers), *posted(content)])


def tables(content):
    wrong = ['\n'.join(f'- {line}' for line in content['wrong'])] if content['wrong'] else []
    return '\n\n'.join([executed(content), *failed(content), never_executed(content),
                        modelled(content), *wrong])


SECTION = Section(
    'atomics', 'Atomic operations',
    'Every place where hakmem has an atomic read-modify-write or takes a lock, and how often rows of '
    'the bench execute it in a million operations (one malloc or one free), start and end of the '
    'program included. Counted under valgrind, which runs one thread at a time: on many cores there '
    'is more to wait for. A lock is shown where it is taken; it is given back as often. Kinds are '
    'explained in [measuring.md](measuring.md#atomic-operations). The last column is not measured: it '
    'follows from the sources.',
    measure, tables)
