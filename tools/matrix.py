#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every composition of boxes: list, build and test them, or measure them side by side.

    list        the profiles, each box alone, and the pairwise list of combinations
    test        build compositions with gcc and clang and run their tests
    bench       build every profile and each box alone, and run the benches over all of them and
                over other allocators (--with) in one interleaved run; --report writes the tables
                and the chart into docs/
    self-test   the pairwise list covers every pair

Exit status: 0, 1 if something failed, 2 if the command line is wrong.
"""
import argparse
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from matrix_parts import compositions, runner  # noqa: E402
from program import UsageError, as_program  # noqa: E402

# suites, and single tests by name: of a profile with its first compiler and with another one, of a pair
QUICK = (['checks', 'unit', 'death', 'preload'], ['cold_kit_tls'])
AGAIN = (['death'], ['cold_kit_tls', 'folded_entries', 'gcc', 'inline', 'link', 'python', 'redis',
                     'sqlite', 'symbols', 'threaded', 'tls'])
PAIRS = (['stress'], ['gcc', 'python', 'sqlite'])
# a kit runs over every box, whichever are seated: once for each setting of these is enough, in the
# form that is built for users
KITS = ['hotbox_kit_fake_tls', 'hotbox_kit_real_tls', 'pool_kit_fake_tls', 'pool_kit_real_tls']
KIT_OPTIONS = ('-Dtiny_meta=', '-Dmid_desc=')


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    commands.add_parser('list', help='print the compositions')
    commands.add_parser('self-test', help='check the pairwise list')
    test = commands.add_parser('test', help='build and test')
    test.add_argument('--dir', type=Path, default=Path('build-matrix'),
                      help='where to build (default: build-matrix)')
    test.add_argument('--compiler', action='append', choices=sorted(runner.COMPILERS), default=[],
                      help='may be repeated (default: gcc and clang for profiles, gcc for pairs)')
    test.add_argument('--only', metavar='NAME', action='append', default=[],
                      help='only this composition; may be repeated')
    test.add_argument('--except', metavar='NAME', action='append', default=[], dest='without',
                      help='not this composition; may be repeated')
    test.add_argument('--minutes', metavar='N', type=natural,
                      help='begin no composition after N minutes: those left are named, and '
                           'counted as skipped')
    test.add_argument('what', choices=['profiles', 'pairs'])
    bench = commands.add_parser('bench', help='measure')
    bench.add_argument('--dir', type=Path, default=Path('build-matrix'))
    bench.add_argument('--with', metavar='NAME=PATH', action='append', default=[], dest='peers',
                       help='another allocator; may be repeated')
    bench.add_argument('--rounds', type=int, default=5)
    bench.add_argument('--quick', action='store_true')
    bench.add_argument('--workload', metavar='GLOB', action='append', default=[])
    bench.add_argument('--only', metavar='NAME', action='append', default=[])
    bench.add_argument('--report', action='store_true', help='write docs/boxes.md and its chart')
    return parser.parse_args(argv)


def natural(text):
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a number")
    return int(text)


def chosen(found, names, without=()):
    unknown = {*names, *without} - {composition.name for composition in found}
    if unknown:
        raise UsageError(f"no composition '{sorted(unknown)[0]}'; see: tools/matrix.py list")
    left = [composition for composition in found
            if composition.name not in without and (not names or composition.name in names)]
    if not left:
        raise UsageError('--except leaves nothing of what was chosen')
    return left


def print_list():
    for title, found in (('profiles', compositions.profiles()),
                         ('each box alone', compositions.boxes_alone()),
                         ('pairwise', compositions.pairwise())):
        print(f'{title}:')
        for composition in found:
            print(f'  {composition.name:18} {" ".join(composition.arguments)}')


def self_test():
    met = set()
    for composition in compositions.pairwise():
        values = {option: given[0] for option, given in compositions.FACTORS.items()}
        values.update(argument[2:].split('=', 1) for argument in composition.arguments)
        if not compositions.is_possible(values):
            print(f'{composition.name} is not possible: {values}')
            return 1
        met |= compositions.pairs_of(values)
    needed = set().union(*map(compositions.pairs_of, compositions.possible()))
    missing = needed - met
    for pair in sorted(missing):
        print(f'never together: {pair}')
    print(f'{len(needed)} pairs, {len(compositions.pairwise())} combinations')
    return 1 if missing else 0


def selections(found, compilers, pairs):
    """-> (composition, compiler, suites and tests) for each; all with the first compiler, then all
    with the next"""
    for compiler in compilers:
        seen = set()
        for composition in found:
            suites, names = PAIRS if pairs else QUICK if compiler == compilers[0] else AGAIN
            setting = frozenset(argument for argument in composition.arguments
                                if argument.startswith(KIT_OPTIONS))
            if pairs and setting not in seen:
                names = names + KITS
            seen.add(setting)
            yield composition, compiler, (suites, names)


def run_tests(options):
    pairs = options.what == 'pairs'
    found = chosen(compositions.pairwise() if pairs else compositions.profiles(), options.only,
                   options.without)
    compilers = options.compiler or (['gcc'] if pairs else ['gcc', 'clang'])
    for compiler in compilers:
        if not shutil.which(compiler):
            raise UsageError(f'{compiler} is not installed')
    logs = options.dir / 'meson-logs'
    logs.mkdir(parents=True, exist_ok=True)
    outcomes = []
    end = float('inf') if options.minutes is None else time.monotonic() + 60 * options.minutes
    with (logs / f'{options.dir.name}.json').open('w', encoding='utf-8') as merged:
        for composition, compiler, selection in selections(found, compilers, pairs):
            if time.monotonic() >= end:
                outcomes.append(runner.left_out(f'{composition.name} ({compiler})', merged))
                continue
            directory = options.dir / f'{composition.name}-{compiler}'
            outcome = runner.run_tests(composition, directory, compiler, selection, merged)
            if outcome.failed:
                runner.show_failure(directory)
            else:
                shutil.rmtree(directory)
            outcomes.append(outcome)
    failed = sum(outcome.failed for outcome in outcomes)
    print(f'{sum(outcome.passed for outcome in outcomes)} passed, {failed} failed, '
          f'{sum(outcome.skipped for outcome in outcomes)} skipped')
    return 1 if failed else 0


def main(argv):
    options = parse_arguments(argv)
    if options.command == 'list':
        print_list()
        return 0
    if options.command == 'self-test':
        return self_test()
    if options.command == 'test':
        return run_tests(options)
    from matrix_parts import bench  # needs bench/, which testing does not
    return bench.run(options, chosen(compositions.profiles() + compositions.boxes_alone(),
                                     options.only))


if __name__ == '__main__':
    as_program('matrix.py', main)
