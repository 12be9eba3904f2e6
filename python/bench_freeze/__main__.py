"""`python -m bench_freeze`, the same as `bench-freeze`."""

import sys

from .cli import main

sys.exit(main())
