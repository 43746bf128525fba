# SPDX-License-Identifier: MIT
"""Histograms of requested sizes, what a table wastes on one, and the best table for one.

A histogram is a text file with a line "size count" for each size that a program asked for; `#` starts
a comment. Only sizes that a table serves count: above 1 KiB and up to pool_max.
"""

import bisect
import collections

import size_rules as rules


def read_histogram(paths):
    """-> {size: count}, the sum over the files; raises TableError."""
    counts = collections.Counter()
    for path in paths:
        for number, line in rules.read_lines(path):
            words = line.split()
            if not words:
                continue
            if len(words) != 2 or not all(word.isascii() and word.isdecimal() for word in words):
                rules.fail(rules.shown(path), number, f'"{line.strip()}" is not a size and a count;'
                                                      ' write two numbers, such as 4096 17')
            counts[int(words[0])] += int(words[1])
    return counts


def served(counts, pool_max):
    return {size: count for size, count in counts.items()
            if count and rules.TINY_MAX < size <= pool_max}


class Waste:
    """What blocks of some classes leave unused of a histogram's requests."""

    def __init__(self, classes, counts):
        self.requests = 0
        self.asked = 0
        self.given = 0
        for size, count in served(counts, classes[-1]).items():
            self.requests += count
            self.asked += size * count
            self.given += classes[bisect.bisect_left(classes, size)] * count

    @property
    def percent(self):
        return 100 * (self.given - self.asked) / self.given if self.given else 0.0


def candidates(pool_max):
    """Every size that may be a class."""
    size = rules.TINY_MAX
    while size < pool_max:
        size += rules.grain(size + 1)
        yield size


class Sums:
    """Requests and bytes of all sizes up to one, in constant time for each candidate."""

    def __init__(self, counts, tops):
        self.count = [0]
        self.bytes = [0]
        sizes = sorted(counts)
        i = count = total = 0
        for top in tops:
            while i < len(sizes) and sizes[i] <= top:
                count += counts[sizes[i]]
                total += counts[sizes[i]] * sizes[i]
                i += 1
            self.count.append(count)
            self.bytes.append(total)

    def wasted(self, low, high, block):
        """Bytes unused if blocks of `block` serve what lies above top `low` and up to top `high`."""
        count = self.count[high] - self.count[low]
        return block * count - (self.bytes[high] - self.bytes[low])


def reach(tops, waste):
    """For each candidate (from 1): the lowest one (0: 1 KiB) that may be the class below it."""
    lows = [0]
    low = 0
    edges = [rules.TINY_MAX, *tops]
    for size in tops:
        while rules.waste(edges[low], size) > waste:
            low += 1
        lows.append(low)
    return lows


def best_table(counts, pool_max, most, waste):
    """-> the classes up to pool_max, at most `most`, that waste the fewest bytes on the histogram, and
    of those the shortest list; by dynamic programming over every admissible class: exact."""
    tops = list(candidates(pool_max))
    sums = Sums(served(counts, pool_max), tops)
    lows = reach(tops, waste)
    fine_end = tops.index(rules.FINE_MAX) + 1
    unreachable = (float("inf"), 0)
    # best[i]: the fewest bytes of waste if candidate i is the last of the classes chosen so far
    best = [(0, 0)] + [unreachable] * len(tops)
    rounds = []
    answer = None
    for number in range(1, most + 1):
        after = [unreachable]
        for i, block in enumerate(tops, 1):
            # 8 KiB is a class of every table: nothing may step over it
            low = lows[i] if i <= fine_end else max(lows[i], fine_end)
            after.append(min((best[j][0] + sums.wasted(j, i, block), j) for j in range(low, i)))
        best = after
        rounds.append(best)
        if best[-1][0] < (answer[0] if answer else float("inf")):
            answer = (best[-1][0], number)
    if answer is None:
        raise rules.TableError(f"{most} classes are too few to reach {pool_max} with steps that waste"
                               f" {waste} % at most; allow more with --classes or --waste")
    return walk_back(tops, rounds[:answer[1]])


def walk_back(tops, rounds):
    classes = []
    i = len(tops)
    for best in reversed(rounds):
        classes.append(tops[i - 1])
        i = best[i][1]
    return classes[::-1]
