# SPDX-License-Identifier: MIT
"""Builds compositions and runs their tests; says what came of each in a line."""
import collections
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from matrix_parts.compositions import ROOT

PASSED = ('OK', 'EXPECTEDFAIL')
SKIPPED = ('SKIP', 'IGNORED')
COMPILERS = {'gcc': ('gcc', 'g++'), 'clang': ('clang', 'clang++')}


@dataclasses.dataclass
class Outcome:
    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0
    problem: str = ''

    @property
    def line(self):
        word = self.problem or ('ok' if not self.failed else 'FAILED')
        return (f'{self.name:28} {self.passed:4} passed {self.failed:3} failed '
                f'{self.skipped:3} skipped {self.seconds:6.0f} s  {word}')


def environment(compiler):
    result = {key: value for key, value in os.environ.items()
              if key not in ('CFLAGS', 'CPPFLAGS', 'LDFLAGS', 'LD_PRELOAD', 'HAKMEM_LIB')}
    result['CC'], result['CXX'] = COMPILERS[compiler]
    return result


def call(command, log, env):
    with log.open('a', encoding='utf-8') as output:
        output.write(f'$ {" ".join(map(str, command))}\n')
        output.flush()
        return subprocess.run(command, stdout=output, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, env=env, check=False).returncode


def build(composition, directory, compiler, arguments=(), find_targets=None):
    """Configure anew and build, all or what find_targets(directory) says. -> '' or what went
    wrong; the log is DIRECTORY.log."""
    log = directory.with_name(directory.name + '.log')
    shutil.rmtree(directory, ignore_errors=True)
    directory.parent.mkdir(parents=True, exist_ok=True)
    log.write_text('', encoding='utf-8')
    env = environment(compiler)
    setup = ['meson', 'setup', directory, ROOT, '--wrap-mode=nodownload', *composition.arguments,
             *arguments]
    if call(setup, log, env):
        return f'cannot be configured, see {log}'
    targets = find_targets(directory) if find_targets else []
    if call(['ninja', '-C', directory, *targets], log, env):
        return f'does not build, see {log}'
    if 'warning:' in log.read_text(encoding='utf-8', errors='replace').lower():
        return f'builds with warnings, see {log}'
    return ''


def wanted_tests(directory, suites, names):
    """-> the tests of these suites, and those of these names; without the ones that are the same in
    every composition (suite 'forms')"""
    text = subprocess.run(['meson', 'introspect', '--tests', directory], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    found = []
    for test in json.loads(text):
        in_suites = {suite.rpartition(':')[2] for suite in test['suite']}
        if test['name'] in names or (in_suites & set(suites) and 'forms' not in in_suites):
            found.append(test)
    return found


def targets_of(directory, tests):
    """-> what ninja has to build for these tests"""
    text = subprocess.run(['meson', 'introspect', '--targets', directory], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    root = directory.resolve()
    files = {}  # what a target makes, by its id and by its path
    for target in json.loads(text):
        made = [str(Path(path).relative_to(root)) for path in target['filename']
                if Path(path).is_relative_to(root)]
        files[target['id']] = made
        files.update({path: [path] for path in made})
    found = set()
    for test in tests:
        for key in [*test['depends'], *test['cmd']]:
            path = Path(key)
            inside = path.is_absolute() and path.is_relative_to(root)
            found.update(files.get(str(path.relative_to(root)) if inside else key, []))
    return sorted(found)


def count(directory, outcome, merged):
    log = directory / 'meson-logs' / 'matrix.json'
    results = collections.Counter()
    if log.exists():
        for line in log.read_text(encoding='utf-8').splitlines():
            test = json.loads(line)
            results[test['result']] += 1
            test['name'] = f'{outcome.name}: {test["name"]}'
            merged.write(json.dumps(test) + '\n')
    outcome.passed = sum(results[word] for word in PASSED)
    outcome.skipped = sum(results[word] for word in SKIPPED)
    outcome.failed = sum(results.values()) - outcome.passed - outcome.skipped
    if not outcome.passed:
        outcome.problem = f'no test passed, see {directory}.log'


def run_tests(composition, directory, compiler, selection, merged):
    """Build what the selected tests need, run them. -> Outcome"""
    suites, names = selection
    outcome = Outcome(f'{composition.name} ({compiler})')
    start = time.monotonic()

    def find_targets(_):
        return targets_of(directory, wanted_tests(directory, suites, names))

    outcome.problem = build(composition, directory, compiler, ('-Dtests=enabled',), find_targets)
    if not outcome.problem:
        wanted = sorted({test['name'] for test in wanted_tests(directory, suites, names)})
        command = ['meson', 'test', '-C', directory, '--no-rebuild', '--logbase', 'matrix',
                   '--print-errorlogs', *wanted]
        call(command, directory.with_name(directory.name + '.log'), environment(compiler))
        count(directory, outcome, merged)
    if outcome.problem:
        outcome.failed += 1
        merged.write(json.dumps({'name': outcome.name, 'result': 'FAIL'}) + '\n')
    outcome.seconds = time.monotonic() - start
    print(outcome.line, flush=True)
    return outcome


def left_out(name, merged):
    """A composition for which no time was left. -> Outcome"""
    outcome = Outcome(name, skipped=1, problem='not run: no time left')
    merged.write(json.dumps({'name': name, 'result': 'SKIP'}) + '\n')
    print(outcome.line, flush=True)
    return outcome


def show_failure(directory, lines=40):
    log = directory.with_name(directory.name + '.log')
    text = log.read_text(encoding='utf-8', errors='replace').splitlines()
    sys.stdout.write(''.join(f'    {line}\n' for line in text[-lines:]))
