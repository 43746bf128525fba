#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The hakmem command keeps its promises: what it starts, what it says, how it ends."""

import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import common


REPORT = "hakmem statistics of process"
OPTIONS = pathlib.Path(__file__).resolve().parents[2] / "meson_options.txt"
# what is built; and a base is shown only where there is one
NOT_SHOWN = {"tests", "tools", "bench", "extra_backends", "tiny_base"}
# options of a box: shown where it is seated
BOX_OPTIONS = {
    "tiny_meta": (("tiny_hotbox", "tiny_base"), ("v1",)),
    "max_partial": (("tiny_hotbox", "tiny_base"), ("v2",)),
    "mid_desc": (("pool",), ("v1", "flatten")),
}


class Command:
    def __init__(self, program, library):
        self.program = program
        self.library = library
        self.violations = []

    def expect(self, arguments, status, out="", err="", env=None, cwd=None, report=False):
        """The run ends with `status` and has `out` and `err` in its output; nothing else on stderr
        but a report, if there has to be one."""
        base = {key: value for key, value in os.environ.items() if not key.startswith(("LD_", "HAKMEM_"))}
        done = subprocess.run(
            [self.program, *arguments], env={**base, **(env or {})}, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, cwd=cwd,
        )
        wrong = []
        if done.returncode != status:
            wrong.append(f"status {done.returncode} instead of {status}")
        if out not in done.stdout:
            wrong.append(f"'{out}' is not in the output '{done.stdout}'")
        if report != done.stderr.startswith(REPORT):
            wrong.append(f"a report is {'missing' if report else 'there'}")
        if report:
            done.stderr = ""
        if err not in done.stderr or (not err and done.stderr):
            wrong.append(f"'{err}' is not the message '{done.stderr}'")
        if err and done.stderr.count("\n") != 1:
            wrong.append(f"the message is not one line: '{done.stderr}'")
        self.violations += [f"hakmem {' '.join(arguments)}: {what}" for what in wrong]

    def run(self, *command, **expected):
        status = expected.pop("status", 0)
        self.expect(["run", "--lib", self.library, "--", *command], status, **expected)


def check_usage(command):
    command.expect([], 2, err="a command is missing")
    command.expect(["frobnicate"], 2, err="unknown command 'frobnicate'")
    command.expect(["--frobnicate"], 2, err="unknown option '--frobnicate'")
    command.expect(["run"], 2, err="no command to run")
    command.expect(["run", "--lib"], 2, err="a path is missing")
    command.expect(["run", "--stats="], 2, err="a file is missing")
    command.expect(["run", "--statistics", "true"], 2, err="run has no option '--statistics'")
    command.expect(["run", "--fast", "true"], 2, err="run has no option '--fast'")
    command.expect(["config", "x"], 2, err="takes no argument")
    command.expect(["--version"], 0, out="hakmem ")
    command.expect(["help"], 0, out="usage: hakmem run")
    command.expect(["--help"], 0, out="usage: hakmem run")
    command.expect(["config"], 0, out="tiny_hotbox ")


def check_run(command):
    own = f"{command.library}\n"
    show = [sys.executable, "-c", "import os; print(os.environ['LD_PRELOAD'])"]
    maps = [sys.executable, "-c", "print(open('/proc/self/maps').read())"]
    command.run(*maps, out="libhakmem-malloc")
    command.run(*show, out=own)
    command.run("sh", "-c", "exit 7", status=7)
    command.run("sh", "-c", "kill -TERM $$", status=-signal.SIGTERM)
    command.run("hakmem-no-such-program", status=127, err="command not found")
    command.run("/hakmem/no/such/program", status=127, err="command not found")
    command.run("/etc/passwd", status=126, err="cannot be started")
    command.run("/", status=126, err="cannot be started")
    command.expect(["run", f"--lib={command.library}", "true"], 0)
    command.expect(["run", *show], 0, out=own, env={"HAKMEM_LIB": command.library})
    command.expect(["run", "--lib", "/no/such.so", "true"], 2, err="'/no/such.so'")
    command.expect(["run", "true"], 2, err="HAKMEM_LIB names '/no'", env={"HAKMEM_LIB": "/no"})
    command.expect(["run", *show], 0, out="libhakmem-malloc")  # found beside the command


def check_stats(command):
    """Where run has statistics printed; what is in them is the library's."""
    show = [sys.executable, "-c", "import os; print(os.environ.get('HAKMEM_STATS'))"]
    with tempfile.TemporaryDirectory() as directory:
        place = pathlib.Path(directory) / "stats.txt"
        for count, option in ((1, f"--stats={place}"), (2, "--stats=stats.txt")):
            command.expect(["run", option, *show], 0, out=f"{place}\n", cwd=directory)
            found = place.read_text(encoding="utf-8").count(REPORT)
            if found != count:
                command.violations.append(f"{found} reports in the file instead of {count}")
    command.expect(["run", "--stats", *show], 0, out="1\n", report=True)
    command.expect(["run", "--stats=-", *show], 0, out="1\n", report=True)
    command.expect(["run", "--stats", "--", "sh", "-c", "kill -TERM $$"], -signal.SIGTERM)
    command.run(*show, out="None\n")


def check_programs(command):
    """Made-up programs: scripts without an interpreter, names with a space, privileges."""
    with tempfile.TemporaryDirectory() as directory:
        script = pathlib.Path(directory) / "script"
        script.write_text('echo "got $1"\n', encoding="utf-8")
        script.chmod(0o755)
        command.run(str(script), "this", out="got this\n")
        script.write_text("#!/no/such/interpreter\n", encoding="utf-8")
        command.run(str(script), status=127, err="its interpreter was not found")
        spaced = pathlib.Path(directory) / "a library.so"
        spaced.symlink_to(command.library)
        command.expect(["run", "--lib", str(spaced), "true"], 2, err="splits LD_PRELOAD")
        if os.getuid() == 0:
            privileged = pathlib.Path(directory) / "privileged"
            privileged.write_bytes(b"\x7fELF")
            os.chown(privileged, 12345, 12345)
            privileged.chmod(0o4755)
            command.run(str(privileged), status=126, err="gains privileges")


def check_config(command, meta):
    """`meta` is the option tiny_meta, or "unused": statistics that are void say so."""
    shown = subprocess.run([command.program, "config"], text=True, stdout=subprocess.PIPE, check=True).stdout
    for line, wanted in ((f"tiny_meta {meta}", meta != "unused"), ("live_blocks void", meta == "none")):
        if (f"\n{line}\n" in shown) != wanted:
            command.violations.append(f"hakmem config: '{line}' is {'missing' if wanted else 'shown'}")
    options = re.findall(r"^option\('(\w+)'", OPTIONS.read_text(encoding="utf-8"), re.MULTILINE)
    values = dict(re.findall(r"^(\w+) (\S.*)", shown, re.MULTILINE))
    for name in sorted(set(options) - NOT_SHOWN):
        seats, boxes = BOX_OPTIONS.get(name, ((), ()))
        wanted = not seats or any(values.get(seat) in boxes for seat in seats)
        if (name in values) != wanted:
            command.violations.append(f"hakmem config: {name} is {'missing' if wanted else 'shown'}")


def check(program, library, meta):
    command = Command(os.path.abspath(program), os.path.abspath(library))
    check_usage(command)
    check_config(command, meta)
    check_run(command)
    check_stats(command)
    check_programs(command)
    return command.violations


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("library")
    parser.add_argument("--tiny-meta", default="unused")
    args = parser.parse_args()
    common.main(lambda: check(args.program, args.library, args.tiny_meta))


if __name__ == "__main__":
    main()
