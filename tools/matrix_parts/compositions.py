# SPDX-License-Identifier: MIT
"""Which compositions there are: the profiles, each box alone, and a pairwise list of combinations.

A composition is a name and the arguments that `meson setup` gets for it. The pairwise list is made
by a greedy rule from the factors below: every two values of two factors meet in at least one
combination. It is the same on every machine.
"""
import dataclasses
import functools
import itertools
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# the first value of each is the default
FACTORS = {
    'tiny_hotbox': ['v3', 'v2', 'v1', 'legacy'],
    'tiny_base': ['v1', 'legacy', 'v2', 'v3'],
    'classes': ['all', 'c7', 'c5-c7', 'c6,c7', 'c0-c3', 'c2,c5'],
    'pool': ['v2', 'flatten', 'v1'],
    'tiny_meta': ['exact', 'batched', 'none'],
    'mid_desc': ['cached', 'hash'],
    'size_table': ['tables/default.txt', 'tables/four.txt', 'tables/example-program.txt'],
    'pool_max': ['262144', '8192', '1048576'],
    'policy': ['frozen', 'learn', 'observe'],
}
BOXES = {'tiny_hotbox': ['v3', 'v2', 'v1', 'legacy'], 'pool': ['v2', 'flatten', 'v1']}


@dataclasses.dataclass(frozen=True)
class Composition:
    name: str
    arguments: tuple


def profiles():
    found = sorted((ROOT / 'profiles').glob('*.ini'))
    # the default first: everything is compared with it
    found.sort(key=lambda path: path.stem != 'default')
    return [Composition(path.stem, (f'--native-file={path}',)) for path in found]


def boxes_alone():
    """Each box on all its sizes, the other seats as in the default."""
    return [
        Composition(f'{"tiny" if option == "tiny_hotbox" else "pool"}-{box}', (f'-D{option}={box}',))
        for option, boxes in BOXES.items() for box in boxes
    ]


def is_possible(chosen):
    """Options of a box that is not seated are at their default; one tiny box has all bands."""
    one_box = chosen['classes'] == 'all' or chosen['tiny_base'] == chosen['tiny_hotbox']
    if one_box and (chosen['classes'] != 'all' or chosen['tiny_base'] != FACTORS['tiny_base'][0]):
        return False
    tiny = {chosen['tiny_hotbox']} | (set() if one_box else {chosen['tiny_base']})
    if 'v1' not in tiny and chosen['tiny_meta'] != FACTORS['tiny_meta'][0]:
        return False
    return chosen['pool'] != 'v2' or chosen['mid_desc'] == FACTORS['mid_desc'][0]


def pairs_of(chosen):
    return set(itertools.combinations(sorted(chosen.items()), 2))


def possible():
    for values in itertools.product(*FACTORS.values()):
        chosen = dict(zip(FACTORS, values))
        if is_possible(chosen):
            yield chosen


@functools.cache
def pairwise():
    """-> compositions in which every possible pair of values meets."""
    candidates = list(possible())
    missing = set().union(*map(pairs_of, candidates))
    chosen = []
    while missing:
        best = max(candidates, key=lambda candidate: len(pairs_of(candidate) & missing))
        missing -= pairs_of(best)
        chosen.append(best)
    return [
        Composition(
            f'pair{number:02}',
            tuple(f'-D{option}={value}' for option, value in values.items()
                  if value != FACTORS[option][0] or option == 'tiny_base'),
        )
        for number, values in enumerate(chosen, 1)
    ]
