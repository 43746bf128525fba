# SPDX-License-Identifier: MIT
"""Running a program with and without the library preloaded, and what must be the same.

A program is compared by exit status, standard output and standard error. That it really uses the
library is proven once for each, by the loader's own account of its bindings.
"""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess

TIMEOUT = 120
BINDING = re.compile(r"binding file (\S+) .* to (\S+) .*symbol `malloc'")


class Skip(Exception):
    """The program cannot be run here; the text says why."""


class Failure(Exception):
    """The program behaves in another way under preload; the text says how."""


def find(name):
    path = shutil.which(name)
    if path is None:
        raise Skip(f"{name} is not installed")
    return path


def environment(library, **more):
    """The environment of a run: fixed where programs look, preloaded if `library` is not None."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("LD_")}
    env.update(LC_ALL="C", TZ="UTC0", PYTHONHASHSEED="0", **more)
    env.pop("PYTHONMALLOC", None)
    if library is not None:
        env["LD_PRELOAD"] = library
    return env


def run(command, library, folder, text=None, **more):
    """Run to the end. -> (status, output, errors), with the folder's name taken out of both."""
    done = subprocess.run(
        command,
        input=None if text is None else text.encode(),
        stdin=subprocess.DEVNULL if text is None else None,
        capture_output=True,
        cwd=folder,
        env=environment(library, **more),
        timeout=TIMEOUT,
        check=False,
    )
    hide = str(folder).encode()
    return done.returncode, done.stdout.replace(hide, b"."), done.stderr.replace(hide, b".")


def prove(command, library, folder):
    """Raise Failure unless every binding of malloc by `command` is the library's."""
    traces = pathlib.Path(folder) / "bindings"
    traces.mkdir()
    debug = {"LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": str(traces / "trace")}
    run(command, library, folder, text="", **debug)
    found = set()
    for trace in traces.iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.update(BINDING.findall(trace.read_text(errors="replace")))
    shutil.rmtree(traces)
    # a program at a fixed address lends its own jump to malloc as malloc's address
    lenders = {user for user, target in found if target == library}
    others = {(user, target) for user, target in found if target not in {library, user} | lenders}
    if others:
        raise Failure(f"malloc is another one's: {sorted(others)}")
    if not any(target == library for _, target in found):
        if found:
            raise Skip(f"{command[0]} brings its own malloc")
        raise Failure(f"{command[0]} never bound malloc")


def shown(result):
    status, output, errors = result
    return f"status {status}, output {output[-600:]!r}, errors {errors[-600:]!r}"


def compare(command, library, folder, text=None, **more):
    """Run twice, without and with the library. -> the result, if both runs have the same."""
    plain = run(command, None, folder, text, **more)
    preloaded = run(command, library, folder, text, **more)
    if plain[0] != 0:
        raise Failure(f"{command[0]} fails by itself: {shown(plain)}")
    if plain != preloaded:
        raise Failure(f"{command[0]}: without: {shown(plain)}\nwith: {shown(preloaded)}")
    return plain
