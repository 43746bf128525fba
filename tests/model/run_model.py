#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Search one configuration of a model with spin, in a temporary directory.

usage: run_model.py MODEL [-DNAME[=VALUE] ...] [--fork] [--progress] [--fails]

--fork      processes stop for ever at the fork: no partial order reduction, no check of end states
            (the model asserts what must hold at the end)
--progress  look for cycles without progress instead of assertions: none means that everything ends
--fails     the search must find an error (a model with a fault built in)

Exit status: 0 as expected, 1 not, 77 spin or a C compiler is missing.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MEMORY_MIB = 2500
DEPTH = 100000
INCOMPLETE = (
    'max search depth too small',
    'reached -DMEMLIM',
    'out of memory',
    'Search not completed',
    'truncated',
)


def parse_args():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('model', type=pathlib.Path)
    parser.add_argument('--fork', action='store_true')
    parser.add_argument('--progress', action='store_true')
    parser.add_argument('--fails', action='store_true')
    args, defines = parser.parse_known_args()
    for define in defines:
        if not define.startswith('-D'):
            parser.error('unknown argument ' + define)
    return args, defines


def run(command, folder):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace')
    return done.returncode, done.stdout


def must(command, folder):
    status, text = run(command, folder)
    if status != 0:
        sys.exit('{} failed:\n{}'.format(' '.join(command), text))


def search(args, defines, compiler, folder):
    must(['spin', '-a', *defines, str(args.model.resolve())], folder)
    # compiling takes longer than a short search
    flags = ['-O0' if args.fails else '-O1', '-w', '-DCOLLAPSE', '-DMEMLIM={}'.format(MEMORY_MIB)]
    flags += ['-DNP'] if args.progress else ['-DSAFETY']
    flags += ['-DNOREDUCE'] if args.fork else []
    must([compiler, *flags, '-o', 'pan', 'pan.c'], folder)
    options = ['-m{}'.format(DEPTH)]
    options += ['-l'] if args.progress else []
    options += ['-E'] if args.fork else []
    return run(['./pan', *options], folder)


def trail(defines, model, folder):
    """The last steps that led to the error."""
    _, text = run(['spin', '-t', '-p', '-g', *defines, str(model.resolve())], folder)
    return '\n'.join(text.splitlines()[-60:])


def judge(args, status, text):
    """-> None, or what is wrong with the search's result."""
    errors = re.search(r'errors: (\d+)', text)
    if not errors:
        return 'no result'
    if args.fails:
        found = errors.group(1) != '0' and 'assertion violated' in text
        return None if found else 'the fault was not found'
    if errors.group(1) != '0':
        return 'the model has an error'
    if status != 0:
        return 'pan exited with {}'.format(status)
    for sign in INCOMPLETE:
        if sign in text:
            return 'the search is not exhaustive: ' + sign
    return None


def main():
    args, defines = parse_args()
    compiler = shutil.which(os.environ.get('MODEL_CC', 'gcc')) or shutil.which('cc')
    if not shutil.which('spin') or not compiler:
        print('spin or a C compiler is missing: skipped')
        return 77
    with tempfile.TemporaryDirectory(prefix='hakmem-model-') as folder:
        status, text = search(args, defines, compiler, folder)
        wrong = judge(args, status, text)
        states = re.search(r'^\s*(\S+) states, stored', text, re.MULTILINE)
        violated = re.search(r'^pan:1: .*$', text, re.MULTILINE)
        print('{} {}: {} states'.format(args.model.name, ' '.join(defines),
                                        states.group(1) if states else 'no'))
        if violated:
            print(violated.group(0))
        if wrong:
            print(text)
            if violated and not args.fails:
                print(trail(defines, args.model, folder))
            print('wrong: ' + wrong)
            return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
