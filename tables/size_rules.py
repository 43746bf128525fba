# SPDX-License-Identifier: MIT
"""What a table of size classes is, and what makes one good: reading, and the rules.

A table lists block sizes above 1 KiB, in bytes, ascending, up to 1 MiB at most; sizes to 1 KiB have
exact steps of 16 bytes and stand in no table. A build takes the classes up to its pool_max. Its two
halves, fine classes to 8 KiB and coarse ones above, are each regular or looked up.
"""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEFAULT = ROOT / "tables" / "default.txt"

TINY_MAX = 1024
FINE_MAX = 8192
POOL_MAX = 262144  # the default
LARGEST = 1 << 20
ALIGN = 16
TINY_BINS = TINY_MAX // ALIGN + 1

WASTE = 25  # percent of a block that a size may leave unused
# cells to a doubling above FINE_MAX: keeps the lookup of an irregular table small, and every block
# size a divisor of its page but for a rest that the page's reciprocal cannot mistake
GRID = 64
MOST_BINS = 255  # a bin's index is one byte, and one value means none


class TableError(Exception):
    """What is wrong with a table and how to mend it, in one sentence."""


class Table:
    """A table that passed every rule: its classes up to pool_max, in two halves."""

    def __init__(self, name, sizes, pool_max):
        self.name = name
        self.pool_max = pool_max
        self.classes = [size for size in sizes if size <= pool_max]
        self.fine = [size for size in self.classes if size <= FINE_MAX]
        self.coarse = [size for size in self.classes if size > FINE_MAX]

    @property
    def bins(self):
        return TINY_BINS + len(self.classes)


def shown(path):
    """A path as messages show it: seen from the source root where it lies below."""
    path = pathlib.Path(path)
    try:
        return str(path.resolve().relative_to(ROOT))
    except ValueError:
        return str(path)


def grain(size):
    """What a class of about this size has to be a multiple of."""
    return ALIGN if size <= FINE_MAX else (1 << ((size - 1).bit_length() - 1)) // GRID


def waste(below, size):
    """Share of a block that the smallest size of its class leaves unused, in percent."""
    return 100 * (size - below - 1) / size


def fail(name, line, text):
    raise TableError(f"{name}:{line}: {text}" if line else f"{name}: {text}")


def read_lines(path):
    """(line number, text without comment) of a text file."""
    name = shown(path)
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TableError(f"{name}: there is no such file; name one, such as tables/default.txt") \
            from None
    except (OSError, UnicodeDecodeError) as wrong:
        raise TableError(f"{name}: cannot be read ({wrong}); name a text file") from None
    for number, line in enumerate(text.splitlines(), 1):
        yield number, line.partition("#")[0]


def read_sizes(path):
    """[(size, line number)] as they stand in the file."""
    sizes = []
    for number, line in read_lines(path):
        for word in line.split():
            if not (word.isascii() and word.isdecimal()):
                fail(shown(path), number, f'"{word}" is not a number of bytes; write digits, such as 4096')
            sizes.append((int(word), number))
    return sizes


def check_range(name, size, line):
    if size <= TINY_MAX:
        fail(name, line, f"{size} is not above {TINY_MAX}, where steps of {ALIGN} end; remove it")
    if size > LARGEST:
        fail(name, line, f"{size} is above {LARGEST}, where pool_max ends; remove it")


def check_order(name, below, size, line):
    if size == below:
        fail(name, line, f"{size} stands there twice; remove one of them")
    if size < below:
        fail(name, line, f"{size} follows {below}; write the classes in ascending order")


def check_grain(name, size, line):
    step = grain(size)
    low = size // step * step
    if size % step:
        reason = "" if step == ALIGN else f", as a class of that size has to be"
        fail(name, line, f"{size} is not a multiple of {step}{reason}; write {low} or {low + step}")


def check_waste(name, below, size, line):
    share = waste(below, size)
    if share > WASTE:
        most = (below + 1) * 100 // (100 - WASTE)
        most -= most % grain(most)
        fail(name, line, f"a block of {size} for {below + 1} bytes wastes {share:.1f} %, more than"
                         f" {WASTE} %; put a class between {below} and {size}, such as {most}")


def check_numbers(name, sizes):
    if TINY_BINS + len(sizes) > MOST_BINS:
        fail(name, 0, f"{len(sizes)} classes are more than {MOST_BINS - TINY_BINS}, which one byte"
                      f" can tell apart; remove {TINY_BINS + len(sizes) - MOST_BINS} of them")


def check_sizes(name, numbered):
    """The rules, over the whole file; raises TableError at the first that is broken."""
    if not numbered:
        fail(name, 0, f"there is no class in it; write block sizes above {TINY_MAX}")
    below = TINY_MAX
    for size, line in numbered:
        check_range(name, size, line)
        check_order(name, below, size, line)
        check_grain(name, size, line)
        check_waste(name, below, size, line)
        below = size
    sizes = [size for size, _ in numbered]
    if FINE_MAX not in sizes:
        fail(name, 0, f"{FINE_MAX} is not a class, and has to be one, because there the two"
                      f" halves meet and blocks aligned to 4096 are served; add it")
    check_numbers(name, sizes)


def check_pool_max(name, sizes, pool_max):
    if pool_max in sizes and pool_max >= FINE_MAX:
        return
    valid = [size for size in sizes if size >= FINE_MAX]
    near = [size for size in valid if size < pool_max][-2:]
    near += [size for size in valid if size > pool_max][:2]
    raise TableError(f"pool_max={pool_max} is not a class of {name} from {FINE_MAX} on; the nearest are"
                     f" {', '.join(map(str, near))}")


def load(path, pool_max=POOL_MAX):
    """-> the table in the file, cut at pool_max; raises TableError."""
    name = shown(path)
    numbered = read_sizes(path)
    check_sizes(name, numbered)
    sizes = [size for size, _ in numbered]
    check_pool_max(name, sizes, pool_max)
    return Table(name, sizes, pool_max)
