# SPDX-License-Identifier: MIT
"""What each atomic operation of the library is for, and who contends for it on 128 cores.

That is knowledge, not measurement: it follows from the sources, by file and function (of locks: the
one that takes them). Every composition's are here. A function that is not makes the section `atomics`
and the test `atomics_are_known` fail, and so does one here that the sources do not have.
"""
import re
import typing


class Site(typing.NamedTuple):
    purpose: str
    contenders: str


# who contends, where that is the same for several
ALONE = 'nobody: its heap\'s holder alone writes it'
ONCE = 'nobody: once a process, or nearly'
ASKED = 'nobody: only when asked for'
FORK = 'nobody: only in a process that forks'
SLABS = 'one lock for the process: all threads that take pages from the shared pool or give them back'
HUGE = 'the lock of the shared pool: threads with blocks above 2 MiB, and all that need pages'
MEMORY = 'the lock of the shared pool, but seldom: once for MiBs of new memory'
PURGERS = 'the lock of the shared pool: threads over the budget for free memory; a few holds for MiBs'
SPANS = 'one word for the process, once for each MiB more that a thread keeps of free large blocks'
TAKERS = 'nobody, but for a thread that takes back what was not used for long, or trims'
WAITERS = 'one word for the process: threads with blocks above 2 MiB'
BIRTHS = 'one lock for the process: threads that start or end at the same time'
HEIRS = 'one lock for the process: all threads short of a page, while an ended thread\'s heap is there'
BIRTH_WORD = 'one word for the process: threads that start or end at the same time'
ADOPTERS = 'threads that free blocks of one ended thread, or look for its pages'
LEARNERS = 'one lock for the process, at steps of the learner'
OS_COUNTS = 'one line for the process: threads in system calls, which wait for the kernel\'s locks longer'
CLASS = 'a lock for each class: all threads that refill or flush blocks of that class'
STRIPES = '64 locks by page: threads whose blocks come from the same few pages'
TABLE = 'one lock for the process: all threads that take or retire pages of the pool'
SENDERS = 'all threads that free blocks of one heap: 127 if one allocates for all'
HOLDER = 'the holder, with those that post'
MISSERS = 'threads whose new pages lie in memory that one heap gave back; a page at a time'

# what serves one thread at a time, and is the same for a whole process, by who contends for it
RESOURCES = {
    **dict.fromkeys((SLABS, HUGE, MEMORY, PURGERS), 'the lock of the shared pool'),
    **dict.fromkeys((BIRTHS, BIRTH_WORD, HEIRS), 'the list of heaps'),
    SPANS: 'the account of free spans',
    WAITERS: 'the word for a freed huge block',
    OS_COUNTS: 'the counts of system calls',
    CLASS: 'the locks of classes, as if they were one',
    TABLE: 'the table of shared pages',
}

KNOWN = {
    'src/coldbox/remote.c': {
        'push': Site('posts a chain of another heap\'s blocks, up to 64 at once', SENDERS),
        'hk_cold_drain': Site('takes all chains that came home', HOLDER),
        'hk_heap_hold': Site('holds a heap without a thread', ADOPTERS),
        'hk_heap_release': Site('ends the hold of a heap without a thread', ADOPTERS),
    },
    'src/coldbox/spans_fast.h': {'hk_spans_empty': Site('takes a span that its thread kept', TAKERS)},
    'src/coldbox/spans.c': {
        'claim_slices': Site('claims room for a thread\'s free spans', SPANS),
        'unclaim': Site('gives up room for a thread\'s free spans', SPANS),
        'take_back_locked': Site('takes back what a thread has not used for long', TAKERS),
        'make_room': Site('gives back what a thread keeps no more', SLABS),
        'hk_spans_yield': Site('asks whether used memory is free, before a page comes of new memory', SLABS),
        'hk_spans_clear': Site('takes back what an ended thread kept', SLABS),
        'hk_spans_clear_all': Site('takes back what threads keep, on trim', ASKED),
        'hk_spans_tick': Site('takes back what threads have not used for long', PURGERS),
        'check_span': Site('self-check', ASKED),
    },
    'src/coldbox/superslab.c': {
        'hk_slices_get': Site('takes a page from the shared pool', SLABS),
        'hk_slices_get_handful': Site('takes several pages at once', SLABS),
        'hk_slices_put': Site('gives a page back', SLABS),
        'open_superslab': Site('makes a superslab', MEMORY),
    },
    'src/coldbox/thp.c': {
        'hk_thp_ask': Site('notes whether a huge page was slow', MEMORY),
        'hk_thp_forgo': Site('takes the wish for huge pages back', MEMORY),
    },
    'src/coldbox/arena.c': {
        'hk_arena_grow': Site('maps an arena', MEMORY),
        'publish_arena': Site('makes an arena known', MEMORY),
    },
    'src/coldbox/large.c': {
        'alloc_to_grow': Site('takes a unit for a block that grows by steps, if there is one to spare', HUGE),
        'alloc_mapping': Site('accounts for a block with a mapping of its own', HUGE),
        'get_run': Site('takes the memory of a huge block', HUGE),
        'free_units': Site('gives a huge block\'s memory back', HUGE),
        'free_mapping': Site('unmaps a block with a mapping of its own', HUGE),
    },
    'src/coldbox/large_resize.c': {
        'resize_units': Site('resizes a huge block', HUGE),
        'resize_huge': Site('shrinks a block with a mapping of its own', HUGE),
        'resize_span': Site('grows a span in place', SLABS),
    },
    'src/coldbox/purge.c': {
        'purge_round': Site('claims free memory, and books it after it was given back', PURGERS),
        'take_apart': Site('ends what kept a superslab whole', MEMORY),
        'hk_cold_tick': Site('chooses who ages free memory, and ages it',
                             'one thread in each purge_delay, with all that need pages meanwhile'),
    },
    'src/coldbox/heaps.c': {
        'hk_cold_birth': Site('finds or makes a thread\'s heap', BIRTHS),
        'hk_cold_death': Site('gives a thread\'s heap up', BIRTHS),
        'hk_cold_adopt': Site('takes over the pages of an ended thread', HEIRS),
        'hk_orphan_add': Site('lists a heap without a thread', BIRTHS),
        'hk_orphan_add_locked': Site('counts heaps without a thread', BIRTH_WORD),
        'take_orphan_locked': Site('counts heaps without a thread', BIRTH_WORD),
        'publish_heap_locked': Site('counts heaps', BIRTH_WORD),
    },
    'src/coldbox/learn.c': {
        'hk_cold_learn': Site('chooses who steps', 'one word for the process: threads when a step is '
                                                   'due; policy=learn and observe only'),
        'commit': Site('commits a step', LEARNERS),
        'unused_snapshot': Site('finds room for a policy', LEARNERS),
        'follow': Site('follows a new policy', LEARNERS),
        'hk_learn_leave': Site('leaves a policy at a thread\'s end', LEARNERS),
        'hk_learn_read': Site('report', ASKED),
    },
    'src/coldbox/lock.c': {
        'hk_lock_wait': Site('waits for a lock', 'those that wait for the same lock; seen only if '
                                                 'another operation here is contended'),
        'hk_lock_try': Site('takes a lock for a report', ASKED),
        'hk_lock_keep': Site('takes a lock for fork', FORK),
        'hk_lock_unkeep': Site('gives a lock back after fork', FORK),
    },
    'src/coldbox/meta.c': {
        'from_chunk': Site('takes memory for a heap or a table', BIRTH_WORD),
        'add_chunk': Site('maps memory for heaps and tables', BIRTH_WORD),
        'take_spare': Site('takes memory of a table that was not used', BIRTH_WORD),
        'hk_meta_free': Site('gives back memory of a table that was not used', BIRTH_WORD),
    },
    'src/coldbox/warm.c': {
        'link_page': Site('counts a heap\'s pages', ALONE),
        'unlink_page': Site('counts a heap\'s pages', ALONE),
    },
    'src/coldbox/standby.c': {
        'hk_standby_give_locked': Site('makes the units free of what waits', WAITERS),
    },
    'src/coldbox/standby.h': {
        'hk_standby_find': Site('takes the huge block that waits', WAITERS),
        'hk_standby_wait': Site('frees a huge block where none waits', WAITERS),
        'hk_standby_settle': Site('makes the units free of what waits, before memory goes back', PURGERS),
    },
    'src/coldbox/registry.c': {'make_leaf': Site('makes 32 GiB of addresses known', ONCE)},
    'src/coldbox/guard.c': {'hk_cold_guard': Site('makes a box\'s locks known to fork', ONCE)},
    'src/coldbox/account.c': {
        'hk_cold_stat': Site('report', ASKED),
        'hk_cold_stat_try': Site('report', ASKED),
    },
    'src/coldbox/check.c': {'hk_cold_check': Site('self-check', ASKED)},
    'src/common/events.c': {
        'hk_count_peak': Site('notes the most pages listed at once',
                              'nobody where lists are a heap\'s; with pools v1 and flatten, and box '
                              'legacy, all that list pages of one class'),
    },
    'src/common/heap.h': {
        'hk_count_events': Site('counts what belongs to no heap',
                                'threads without a heap; all threads, with stats_batch=false, and for '
                                'lists that are all threads\''),
        'hk_count_note': Site('counts what belongs to no heap',
                              'threads without a heap; all threads with stats_batch=false'),
    },
    'src/gate/calls.h': {
        'hk_count_call': Site('counts a call', 'all threads, at each call: stats=full with '
                                               'stats_batch=false only'),
    },
    'src/gate/thread.c': {'start_process': Site('starts the library', ONCE)},
    'src/hotbox/paged_purge.c': {
        'miss': Site('tells a heap that memory it gave back is wanted by another', MISSERS),
        'learn_from_others': Site('learns what memory others missed', HOLDER),
    },
    'src/pool/kept_limit.c': {
        'set_granted': Site('draws on what all threads may keep together',
                            'one word for the process: threads whose limits change above 256 KiB each'),
    },
    'src/pool/mid.c': {
        'hk_mid_start_up': Site('sets the pool\'s locks up', ONCE),
        'hk_mid_serve': Site('adds a page to its class', CLASS),
        'hk_mid_draw': Site('refills from the class\'s pages', CLASS),
        'put_some': Site('puts blocks back into their pages', CLASS),
        'take_empty': Site('takes an empty page off its class', CLASS),
    },
    'src/pool/mid_desc.c': {
        'hk_mid_adopt': Site('enters a page into the pool\'s table', TABLE),
        'hk_mid_forget': Site('takes a page out of the pool\'s table', TABLE),
        'hk_mid_is_listed_locked': Site('looks a page up for a trim', TABLE),
        'hk_mid_table_check': Site('self-check', ASKED),
    },
    'src/pool/mid_purge.c': {
        'claim': Site('takes free parts of a page for a trim', CLASS),
        'hk_mid_purge': Site('puts free parts of a page back after a trim', CLASS),
    },
    'src/pool/mid_check.c': {
        'hk_mid_check': Site('self-check', ASKED),
        'hk_mid_is_out': Site('self-check', ASKED),
        'hk_mid_stat': Site('report', ASKED),
    },
    'backends/hotbox/legacy/depot.c': {
        'hk_depot_give': Site('gives a batch to the class\'s stock', CLASS),
        'hk_depot_clear_stock': Site('empties the class\'s stock', CLASS),
        'hk_depot_put': Site('puts blocks back into their pages', STRIPES),
        'put_late': Site('puts blocks back where a page changes its list', CLASS),
        'hk_depot_drop_kept_locked': Site('takes empty pages off their list', STRIPES),
    },
    'backends/hotbox/legacy/depot_take.c': {
        'hk_depot_take': Site('refills from the class\'s stock and pages', CLASS),
        'take_page_locked': Site('takes blocks of a page', STRIPES),
        'hk_depot_join': Site('adds a page to its class', CLASS),
    },
    'backends/hotbox/legacy/depot_walk.c': {
        'retire_kept': Site('retires empty pages', CLASS),
        'hk_depot_age': Site('looks who used a class last', CLASS),
        'hk_depot_wake': Site('lists full pages that got blocks back', CLASS),
        'hk_depot_purge': Site('walks a class for a trim', CLASS),
        'claim_locked': Site('takes free parts of a page for a trim', STRIPES),
        'unclaim_locked': Site('puts free parts of a page back after a trim', STRIPES),
        'add_page': Site('report', ASKED),
        'hk_depot_stat': Site('report', ASKED),
    },
    'backends/hotbox/legacy/depot_check.c': {
        'check_out': Site('self-check', ASKED),
        'check_page': Site('self-check', ASKED),
        'hk_depot_check': Site('self-check', ASKED),
        'hk_depot_check_out': Site('self-check', ASKED),
    },
    'backends/os/linux/os_linux.c': {
        'counted': Site('counts a system call', OS_COUNTS),
        'hk_os_linux_map': Site('counts mapped bytes', OS_COUNTS),
        'hk_os_linux_unmap': Site('counts mapped bytes', OS_COUNTS),
        'hk_os_linux_purge': Site('counts bytes given back', OS_COUNTS),
        'hk_os_linux_renew': Site('counts bytes given back', OS_COUNTS),
        'hk_os_linux_facts': Site('reads the machine\'s page size', ONCE),
    },
}


def enclosing(root, path, line):
    """-> the name of the function around a line, '' if there is none; it begins in column 0"""
    file = root / path
    text = file.read_text(encoding='utf-8').splitlines()[:line] if file.is_file() else []
    # a name with _ in front is the compiler's: __attribute__, _Atomic
    heads = (re.findall(r'\b([A-Za-z]\w*)\(', head) for head in reversed(text)
             if re.match(r'[A-Za-z_]', head))
    return next((names[-1] for names in heads if names), '')


def line_of(source):
    """FILE:LINE -> LINE, or 0: the compiler gives code that it merged no line"""
    number = re.match(r'\d+', source.partition(':')[2])
    return int(number[0]) if number else 0


def name_of(root, function, source):
    """-> the function that has FILE:LINE. What the debugger's data say may be the one that it was
    inlined into, and then the sources say it; or they have a line of a header under the name of
    the file that includes it, and then their function is right."""
    line = line_of(source)
    by_line = line and enclosing(root, source.partition(':')[0], line) or function
    return function if not find(by_line, source) and find(function, source) else by_line


def find(function, source):
    """-> the Site of a function in FILE:LINE, or in a header, or None"""
    headers = [name for name in KNOWN if name.endswith('.h')]
    return next((KNOWN[name][function] for name in (source.partition(':')[0], *headers)
                 if function in KNOWN.get(name, {})), None)


def resource_of(function, source):
    """-> what a function's operation needs that serves one thread at a time, or None"""
    site = find(function, source)
    return RESOURCES.get(site.contenders) if site else None


def unknown(sites):
    """(function, file:line) of operations -> lines, one for each function that is not here. Whose an
    operation without a line is, cannot be said."""
    missing = {(function, source.partition(':')[0]) for function, source in sites
               if line_of(source) and not find(function, source)}
    return [f'{path}: {function} has an atomic operation that is not known: add to '
            'tools/performance_parts/contention.py what it is for and who contends for it'
            for function, path in sorted(missing)]


def stale(root):
    """-> lines, one for each function that the source tree does not have"""
    lines = []
    for path, functions in KNOWN.items():
        file = root / path
        text = file.read_text(encoding='utf-8') if file.is_file() else ''
        lines += [f'tools/performance_parts/contention.py: {path} has no function {function}: '
                  'remove it' for function in functions
                  if not re.search(rf'^\w.*\b{function}\(', text, re.M)]
    return lines
