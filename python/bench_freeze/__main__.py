"""`python -m bench_freeze` and the command `bench-freeze`: the guard first, then everything that takes time to load."""

import sys
from importlib import import_module

from .guard import guarded


def main() -> int:
    """Run the command line of this process; the value is its exit status."""
    arguments = sys.argv[1:]
    return guarded(lambda: int(import_module(".cli", __package__).call(arguments)), arguments, ends_process=True)


if __name__ == "__main__":
    sys.exit(main())
