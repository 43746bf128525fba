# SPDX-License-Identifier: MIT
"""What the shared atomics and locks would cost on more cores than are at hand: a model.

Threads work, and now and then need a resource that serves one of them at a time: a lock, or a word
whose cache line goes from core to core. That is a closed queueing network of one server, which mean
value analysis (Reiser and Lavenberg, 1980) solves exactly where the times are exponential. How often
a thread needs it is counted, how long it takes is assumed.
"""
import dataclasses

from performance_parts import contention

CORES = (2, 8, 32, 128)
GOOD = 0.9  # of the speed of one core

# ns
OPERATION = 10        # a malloc or free that shares nothing, in a program that does nothing else
LINE = 100            # a line comes from another core, as between sockets
LOCKED = 4 * LINE     # the lock's line, and three lines of what it guards


def throughput(threads, think, service):
    """-> visits a ns of `threads` threads that work `think` ns between two visits of `service` ns"""
    waiting = 0.0
    rate = 0.0
    for count in range(1, threads + 1):
        response = service * (1 + waiting)
        rate = count / (think + response)
        waiting = rate * response
    return rate


@dataclasses.dataclass
class Demand:
    """Of one resource by a thread."""
    visits: float = 0.0  # in a million operations
    busy: float = 0.0    # ns in a million operations

    def speed(self, cores, operation=OPERATION):
        """-> a thread's speed among `cores` that all do the same, 1: as if nothing were shared"""
        think = 1e6 * operation / self.visits
        rate = throughput(cores, think, self.busy / self.visits)
        return rate / cores * think

    def work(self, cores):
        """-> ns of an operation, with what the program does meanwhile, from which on `cores` keep GOOD
        of their speed"""
        low, high = 0.0, 2 * cores * self.busy / 1e6 / (1 - GOOD)
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (low, middle) if self.speed(cores, middle) >= GOOD else (middle, high)
        return high


def demands(entries):
    """-> {(resource, row): Demand}; entries as atomics.entries_of()"""
    found = {}
    for entry in entries:
        resource = contention.resource_of(entry['function'], entry['source'])
        if resource and entry['kind'] in ('take', 'atomic'):
            demand = found.setdefault((resource, entry['row']), Demand())
            demand.visits += entry['per_million']
            demand.busy += entry['per_million'] * (LOCKED if entry['kind'] == 'take' else LINE)
    return found


def worst(found):
    """-> {resource: (row, Demand)}: the row that keeps it busiest; the busiest resource first"""
    best = {}
    for (resource, row), demand in sorted(found.items(), key=lambda item: -item[1].busy):
        best.setdefault(resource, (row, demand))
    return best
