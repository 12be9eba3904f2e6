"""`python -m bench_freeze` and the command `bench-freeze`: the guard first, then everything that takes time to load."""

import atexit
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

from .guard import guarded


def process() -> NoReturn:
    """Run the command line of this process and end the process with the command's exit status."""
    statuses: list[int] = []
    # Exit functions run in reverse, so the first is the last to run. Those of others, such as a coverage tool's, would
    # run even later.
    if not getattr(atexit, "_ncallbacks", lambda: 1)():
        atexit.register(_end, statuses)
    statuses.append(main())
    sys.exit(statuses[0])


def main() -> int:
    """Run the command line of this process; the value is its exit status."""
    arguments = sys.argv[1:]
    return guarded(lambda: int(import_module(".cli", __package__).call(arguments)), arguments, ends_process=True)


def _end(statuses: list[int]) -> None:
    """End the process at once. The interpreter would delete every module first, a second or two with torch loaded.

    Threads and exit functions have ended by now. Commands close what they write, so no buffer but those of the streams
    has content.
    """
    if not statuses:  # `main` raised, for example argparse's SystemExit
        return
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with suppress(Exception):
            if stream is not None:
                stream.flush()
    os._exit(statuses[0])


if __name__ == "__main__":
    process()
