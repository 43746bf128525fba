# SPDX-License-Identifier: MIT
"""What the checks share: exit statuses that Meson understands, and running a tool.

0 passed, 1 violations (each on its own line), 77 cannot run here, 99 the check itself broke. The last
one is no failure that `should_fail` accepts, so a negative control cannot pass by a crash.
"""

import os
import shutil
import subprocess
import sys
import traceback

SKIPPED = 77
BROKEN = 99


class Skip(Exception):
    """The check cannot run here; the text says why."""


def run_tool(*command, env=None):
    """Standard output of a command that has to succeed, in the C locale."""
    if shutil.which(command[0]) is None:
        raise Skip(f"{command[0]} is not installed")
    environment = dict(env if env is not None else os.environ, LC_ALL="C")
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        errors="replace", check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def main(check):
    """Run check(), which returns a list of violations, and leave with the status for it."""
    try:
        violations = check()
    except Skip as reason:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    except Exception:  # any other end of the check is a defect of the check
        traceback.print_exc()
        sys.exit(BROKEN)
    for violation in violations:
        print(violation)
    sys.exit(1 if violations else 0)
