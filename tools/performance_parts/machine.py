# SPDX-License-Identifier: MIT
"""What a machine is, and what it takes for what allocators ask of it: the same name says little, since
a virtual machine may take twenty times as long for a page as the one beside it."""
import contextlib
import ctypes
import mmap
import os
import platform
import statistics
import time
from pathlib import Path

import harness

THP = Path('/sys/kernel/mm/transparent_hugepage/enabled')
SMALL, HUGE = mmap.PAGESIZE, 2 << 20
SMALL_PAGES, HUGE_PAGES, CALLS = (16 << 20) // SMALL, 4, 20000


def cpu_model():
    try:
        text = Path('/proc/cpuinfo').read_text(encoding='utf-8')
    except OSError:
        return platform.machine()
    names = [line.partition(':')[2].strip() for line in text.splitlines()
             if line.startswith('model name')]
    return names[0] if names else platform.machine()


def thp_mode():
    """-> 'madvise' or another word, '' where there are no huge pages"""
    try:
        return THP.read_text(encoding='utf-8').partition('[')[2].partition(']')[0]
    except OSError:
        return ''


def nanoseconds(call, argument):
    start = time.thread_time_ns()
    call(argument)
    return time.thread_time_ns() - start


def fresh(size, advice):
    """-> (memory that nobody has touched, offset of its first huge page)"""
    memory = mmap.mmap(-1, size + HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(AttributeError, OSError):  # of another system, without huge pages
        memory.madvise(getattr(mmap, advice))
    first = ctypes.c_char.from_buffer(memory)
    address = ctypes.addressof(first)
    del first  # or the memory cannot be closed
    return memory, -address % HUGE


def small_page():
    """-> ns of the first write to a page, the loop's own taken off"""
    memory, start = fresh(SMALL * SMALL_PAGES, 'MADV_NOHUGEPAGE')

    def touch(_):
        for offset in range(start, start + SMALL * SMALL_PAGES, SMALL):
            memory[offset] = 1

    with memory:
        return (nanoseconds(touch, None) - nanoseconds(touch, None)) / SMALL_PAGES


def huge_page():
    """-> ns of the first write to a huge page that was asked for, the median of some"""
    memory, start = fresh(HUGE * HUGE_PAGES, 'MADV_HUGEPAGE')

    def touch(index):
        memory[start + index * HUGE] = 1

    with memory:
        return statistics.median(nanoseconds(touch, index) for index in range(HUGE_PAGES))


def system_call():
    """-> ns of one that does next to nothing, the loop's own taken off"""
    def repeat(function):
        for _ in range(CALLS):
            function()

    return (nanoseconds(repeat, os.getppid) - nanoseconds(repeat, bool)) / CALLS


def microseconds(time):
    time /= 1000
    return f'{time:.0f} µs' if time >= 10 else f'{time:.2g} µs'


def costs():
    parts = [f'the first write to a page takes {microseconds(small_page())}']
    mode = thp_mode()
    if mode and mode != 'never':
        parts.append(f'to a huge one {microseconds(huge_page())} (THP {mode})')
    parts.append(f'a system call {microseconds(system_call())}')
    return ', '.join(parts)


def description():
    return (f'{cpu_model()}, {os.cpu_count()} CPUs, {harness.kernel()}, '
            f'{" ".join(platform.libc_ver())}; {costs()}')
