# SPDX-License-Identifier: MIT
"""How the tools that measure and build end: one form of messages and of exit statuses."""
import signal
import sys


class UsageError(Exception):
    """Something the caller has to put right; its text says what to run."""


class Failure(Exception):
    """A build or a run that failed."""


def as_program(name, run):
    """Run a tool and end with its status: run(arguments) -> status. UsageError ends it with 2, Failure
    and an interrupt with 1."""
    # so that `bench_run.py --list | head` ends quietly
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        sys.exit(run(sys.argv[1:]))
    except UsageError as error:
        status, text = 2, str(error)
    except Failure as error:
        status, text = 1, str(error)
    except KeyboardInterrupt:
        status, text = 1, 'interrupted'
    if sys.stderr.isatty():
        sys.stderr.write('\r\033[K')  # over what showed the progress
    print(f'{name}: {text}', file=sys.stderr)
    sys.exit(status)
