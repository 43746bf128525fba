# SPDX-License-Identifier: MIT
"""Runs any program under an allocator, through bench/launch, and says what the kernel counted."""
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import harness


def kill(process):
    """Unless it has ended. The launcher leads a group of its own, in which all that it started is."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def command_line(context, report, allocator, command):
    launch = context.build / 'bench' / 'launch'
    return [str(launch), str(report), allocator.library, *map(str, command)]


def environment(more):
    result = {name: value for name, value in os.environ.items() if name != 'LD_PRELOAD'}
    return {**result, 'LC_ALL': 'C', **more}


def read_report(path, errors):
    """-> a sample of one finished run"""
    text = path.read_text(encoding='utf-8') if path.exists() else ''
    numbers = harness.parse_line(text)
    # the loader goes on without a library that it cannot load, so the numbers would be libc's
    if 'cannot be preloaded' in errors:
        return harness.failed('not loaded', errors)
    if not numbers:
        return harness.failed('cannot start', errors)
    status = int(numbers.pop('status'))
    return harness.failed(harness.describe_exit(status), errors) if status else numbers


def run(context, allocator, command, *, stdin=os.devnull, more=None, pinned=False, read=None,
        cwd=None):
    """-> {'wall', 'cpu', 'peak_rss_kib', 'minor_faults'}, or a failure. `more` is environment;
    `read` is given the program's output and returns numbers to add, or None if there are none."""
    cpu = harness.pinned_cpu() if pinned else None

    def pin():
        os.sched_setaffinity(0, {cpu})

    with tempfile.TemporaryDirectory(prefix='hakmem-launch-') as scratch:
        report, output, errors = (Path(scratch) / name for name in ('report', 'output', 'errors'))
        with open(stdin, 'rb') as source, errors.open('wb') as error_sink, \
                open(output if read else os.devnull, 'wb') as sink:
            process = subprocess.Popen(
                command_line(context, report, allocator, command), stdin=source, stdout=sink,
                stderr=error_sink, env=environment(more or {}), cwd=cwd or scratch,
                start_new_session=True, preexec_fn=pin if pinned else None)
            try:
                process.wait(context.timeout)
            except subprocess.TimeoutExpired:
                return harness.failed('timeout', f'no end within {context.timeout} s')
            finally:
                kill(process)
        sample = read_report(report, errors.read_text(encoding='utf-8', errors='replace'))
        if read and 'failure' not in sample:
            text = output.read_text(encoding='utf-8', errors='replace')
            numbers = read(text)
            return harness.failed('no result', text) if numbers is None else {**sample, **numbers}
        return sample
