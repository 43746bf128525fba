# SPDX-License-Identifier: MIT
"""redis-server under preload: the same replies as without, a benchmark run, and a clean shutdown.

The server listens on a loopback port that was free a moment ago, writes nothing to disk, and is
stopped by its own SHUTDOWN, or through its handle if that fails.
"""

import pathlib
import socket
import subprocess
import time

import runner


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A running server; `ask` sends one command and returns the raw reply."""

    def __init__(self, binary, library, folder):
        self.port = free_port()
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(
            [binary, *options, "--io-threads", "2"],
            cwd=folder,
            env=runner.environment(library),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self):
        for _ in range(300):
            try:
                self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
                self.replies = self.socket.makefile("rb")
                return self
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        self.stop()
        raise runner.Failure(f"redis-server does not listen, status {self.process.returncode}")

    def __exit__(self, *_):
        self.socket.close()
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def ask(self, *words):
        parts = [str(word).encode() for word in words]
        text = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self.socket.sendall(b"*%d\r\n%s" % (len(parts), text))
        return self.reply()

    def reply(self):
        line = self.replies.readline()
        if line[:1] == b"$" and line[1:2] != b"-":
            return line + self.replies.read(int(line[1:]) + 2)
        if line[:1] == b"*":
            return line + b"".join(self.reply() for _ in range(int(line[1:])))
        return line

    def maps(self):
        return pathlib.Path(f"/proc/{self.process.pid}/maps").read_text(encoding="utf-8")


def fill(server):
    """-> every reply to a fixed list of commands."""
    replies = []
    for i in range(2000):
        replies.append(server.ask("SET", f"key:{i}", "v" * (i * 7 % 3000)))
        replies.append(server.ask("HSET", f"hash:{i % 50}", f"field{i}", i))
        replies.append(server.ask("RPUSH", f"list:{i % 20}", "e" * (i % 200)))
        replies.append(server.ask("ZADD", f"set:{i % 10}", i * 37 % 1001, f"member{i}"))
        if i % 3 == 0:
            replies.append(server.ask("DEL", f"key:{i // 2}"))
        if i % 10 == 0:
            replies.append(server.ask("APPEND", f"key:{i}", "a" * 5000))
    for i in range(20):
        replies.append(server.ask("LRANGE", f"list:{i}", 0, -1))
        replies.append(server.ask("ZRANGE", f"set:{i % 10}", 0, -1, "WITHSCORES"))
    replies.append(server.ask("DBSIZE"))
    return replies


def replies_of(binary, library, folder):
    with Server(binary, library, folder) as server:
        if library is not None and library not in server.maps():
            raise runner.Failure("the library is not in the server's memory map")
        replies = fill(server)
        if library is not None:
            benchmark(server, library, folder)
        server.socket.sendall(b"SHUTDOWN NOSAVE\r\n")
        try:
            status = server.process.wait(30)
        except subprocess.TimeoutExpired:
            raise runner.Failure("the server does not shut down") from None
    if status != 0:
        raise runner.Failure(f"the server ended with status {status}")
    return replies


def benchmark(server, library, folder):
    command = [runner.find("redis-benchmark"), "-p", str(server.port), "-n", "5000", "-P", "16"]
    for options in (["-c", "40", "-q"], ["-c", "8", "-d", "20000", "-t", "set,get", "-q"]):
        status, output, errors = runner.run([*command, *options], library, folder)
        if status != 0 or b"requests per second" not in output:
            raise runner.Failure(f"redis-benchmark: {runner.shown((status, output, errors))}")


def run(args, folder):
    binary = runner.find("redis-server")
    runner.find("redis-benchmark")
    runner.prove([binary, "--version"], args.library, folder)
    plain = replies_of(binary, None, folder)
    preloaded = replies_of(binary, args.library, folder)
    if plain != preloaded:
        pairs = (pair for pair in zip(plain, preloaded) if pair[0] != pair[1])
        raise runner.Failure(f"replies without and with: {next(pairs)}")
