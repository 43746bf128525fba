# SPDX-License-Identifier: MIT
"""Where a library has atomic read-modify-writes, and how often a run executed each.

On x86-64 these are the instructions with a `lock` prefix and `xchg` with memory, which locks by
itself. Their addresses are objdump's, their functions and lines addr2line's, and the counts are those
that callgrind writes for each address with --dump-instr=yes.
"""
import collections
import dataclasses
import os
import re
import subprocess

ATOMIC = re.compile(r'^\s*([0-9a-f]+):\t(lock\b.*|xchg\w*\s.*(?:\(|%[fg]s:).*)$', re.M)
# of the library's lock, which are all inline; what is in this file is shown at the caller's line
LOCK_FILE = 'src/common/lock.h'
TAKES = ('hk_lock_take', 'hk_lock_acquire', 'hk_lock_try')
GIVES = ('hk_lock_give', 'hk_lock_release')
COST = re.compile(r'0x([0-9a-f]+) \d+ (\d+)$')


class NotUsable(Exception):
    """The library cannot be looked at; the text says what to do."""


@dataclasses.dataclass(frozen=True)
class Site:
    address: int
    function: str
    source: str  # file:line
    kind: str    # 'take' and 'give' of a lock, 'fence', or 'atomic' for all others


def run_tool(*command, text=''):
    try:
        done = subprocess.run(command, input=text, check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, env={**os.environ, 'LC_ALL': 'C'})
    except FileNotFoundError:
        raise NotUsable(f'{command[0]} is not installed; it comes with binutils') from None
    if done.returncode != 0:
        raise NotUsable(f'{" ".join(command)}: {done.stderr.strip()}')
    return done.stdout


def short_path(path):
    """From the root of the source tree on, wherever the library was compiled."""
    path = '/' + os.path.normpath(path)
    for folder in ('src', 'backends'):
        place = path.rfind(f'/{folder}/')
        if place >= 0:
            return path[place + 1:]
    return path[1:]


def parse_frames(text):
    """addr2line -a -f -i: -> {address: [(function, file:line), ...]}, the innermost first"""
    frames = {}
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith('0x'):
            found = frames.setdefault(int(line, 16), [])
        else:
            path, _, number = next(lines).partition(' (')[0].rpartition(':')
            found.append((line, f'{short_path(path)}:{number}'))
    return frames


def kind_of(functions, operation):
    if any(name in TAKES for name in functions):
        return 'take'
    if any(name in GIVES for name in functions):
        return 'give'
    # gcc fences by an addition of nothing to the stack
    return 'fence' if '(%rsp)' in operation else 'atomic'


def find(library):
    """-> the sites of the library, by address"""
    operations = {int(address, 16): text for address, text
                  in ATOMIC.findall(run_tool('objdump', '-d', '--no-show-raw-insn', library))}
    if not operations:
        raise NotUsable(f'{library} has no atomic operation: nothing can be counted')
    addresses = '\n'.join(f'{address:#x}' for address in operations)
    frames = parse_frames(run_tool('addr2line', '-a', '-f', '-i', '-e', library, text=addresses))
    if any(source.endswith(('?', ':0')) for _, source in frames[min(operations)]):
        raise NotUsable(f'{library} has no line numbers: build it with `meson configure DIR '
                        '-Ddebug=true && meson compile -C DIR`')
    sites = {}
    for address, operation in operations.items():
        functions = [name for name, _ in frames[address]]
        shown = [frame for frame in frames[address] if not frame[1].startswith(LOCK_FILE)]
        function, source = (shown or frames[address])[0]
        sites[address] = Site(address, function, source, kind_of(functions, operation))
    return sites


def copy_without_lines(library, directory):
    """-> a copy with the same addresses for the run: valgrind 3.19 gives up on clang 14's lines"""
    copy = os.path.join(os.path.realpath(directory), 'library.so')
    run_tool('objcopy', '--strip-debug', library, copy)
    return copy


def executions(path, library):
    """One file of callgrind, uncompressed. -> {address in the library: how often}"""
    counts = collections.Counter()
    inside, skip = False, False
    with open(path, encoding='utf-8', errors='replace') as lines:
        for line in lines:
            if line.startswith('ob='):
                inside = line[3:].strip() == library
            elif line.startswith('calls='):
                skip = True  # the next line is what the callee cost
            elif inside and line.startswith('0x'):
                found = COST.match(line)
                if found and not skip:
                    counts[int(found[1], 16)] += int(found[2])
                skip = False
            elif line.startswith('0x'):
                skip = False
    return counts
