"""`python -m bench_freeze` and the command `bench-freeze`: the guard first, then everything that takes time to load."""

import atexit
import os
import sys
from contextlib import suppress
from importlib import import_module

from .guard import guarded


def main() -> int:
    """Run the command line of this process, which ends afterwards with the returned exit status."""
    statuses: list[int] = []
    is_first = not getattr(atexit, "_ncallbacks", lambda: 1)()
    if is_first:  # exit functions run in reverse, so this is the last one
        atexit.register(_end, statuses)
    arguments = sys.argv[1:]
    status = guarded(lambda: int(import_module(".cli", __package__).call(arguments)), arguments, ends_process=True)
    statuses.append(status)
    return status


def _end(statuses: list[int]) -> None:
    """End the process without the interpreter's own cleanup, which takes 20 ms and more and would only free memory."""
    if not statuses:  # an exception ends the process, such as SystemExit of argparse
        return
    with suppress(OSError, ValueError):
        sys.stderr.flush()
        sys.stdout.flush()
    os._exit(statuses[0])


if __name__ == "__main__":
    sys.exit(main())
