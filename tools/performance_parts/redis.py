# SPDX-License-Identifier: MIT
"""One run of a redis server under an allocator, loaded by redis-benchmark over a Unix socket."""
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import harness

from performance_parts import launcher

NAME = 'redis-server, redis-benchmark'
COMMANDS = ('redis-server', 'redis-benchmark')
LOAD = ['-q', '-P', '16', '-c', '20', '-r', '100000', '-d', '200', '-n', '100000', '-t',
        'set,get,lpush,sadd,hset,zadd']
START_SECONDS = 15


class Dead(Exception):
    """The server did not start, or not stop."""


def connect(path, process):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        link = socket.socket(socket.AF_UNIX)
        try:
            link.connect(path)
            return link
        except OSError:
            link.close()
            time.sleep(0.01)
    raise Dead('the server does not listen')


def stop(path, process):
    with connect(path, process) as link:
        link.sendall(b'SHUTDOWN NOSAVE\r\n')
        try:
            process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            raise Dead('the server does not stop') from None


def load(path, timeout):
    """-> seconds"""
    start = time.monotonic()
    done = subprocess.run(['redis-benchmark', '-s', path, *LOAD], timeout=timeout, check=False,
                          env=launcher.environment({}), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0 or b'requests per second' not in done.stdout:
        raise Dead('redis-benchmark failed')
    return time.monotonic() - start


def run(context, allocator):
    with tempfile.TemporaryDirectory(prefix='hakmem-redis-') as folder:
        path, report, errors = (str(Path(folder) / name) for name in ('socket', 'report', 'errors'))
        command = ['redis-server', '--port', '0', '--unixsocket', path, '--save', '', '--dir', folder]
        with open(errors, 'wb') as sink:
            process = subprocess.Popen(
                launcher.command_line(context, report, allocator, command), cwd=folder,
                env=launcher.environment({}), stdin=subprocess.DEVNULL, stderr=sink,
                stdout=subprocess.DEVNULL, start_new_session=True)
            try:
                connect(path, process).close()
                seconds = load(path, context.timeout)
                stop(path, process)
            except (Dead, subprocess.TimeoutExpired) as error:
                return harness.failed('no result', str(error))
            finally:
                launcher.kill(process)
        text = Path(errors).read_text(encoding='utf-8', errors='replace')
        sample = launcher.read_report(Path(report), text)
        return sample if 'failure' in sample else {**sample, 'wall': seconds}
