"""The first minutes on a machine with an NVIDIA GPU and no network: describe it, verify all CUDA parts, time them.

    python bench/gpu_first.py --list-wheels WHEELS          # what to fetch first, on a machine with network
    python bench/gpu_first.py --dry-run --wheels WHEELS     # check every command line, run nothing
    python bench/gpu_first.py --out OUT --wheels WHEELS     # the run; OUT gets results.json, table.txt, log.txt

The machine needs the CUDA toolkit and a Python with torch; everything else comes as wheels. Each step is a process of
its own with its own time limit; a failing step does not stop the next one, and its result is written at once. The exit
status is 1 if any step that ran is not ok. The authors of this version had no GPU: this script was rehearsed without
one, as far as that is possible.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.gpu.command_line import add_flags, carry_out
from bench.gpu.plan import Places, steps
from bench.gpu.wheels import absent_from, fetching

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_flags(parser, 10, ROOT / "build/gpu_first")
    parser.add_argument("--wheels", type=Path, default=ROOT / "build/wheels", help="folder of the wheels")
    parser.add_argument("--arch", default="native", help="nvcc's name of the GPU, sm_90 for example (native)")
    parser.add_argument("--list-wheels", type=Path, metavar="WHEELS", help="print the commands that fill this folder")
    parser.add_argument("--python", default="3.12", help="Python version of the GPU machine, for --list-wheels (3.12)")
    options = parser.parse_args()
    if options.list_wheels:
        print("\n".join(fetching(options.list_wheels, options.python)))
        return 0
    places = Places(ROOT, options.wheels.resolve(), options.work.resolve(), options.arch)
    absent = f"packages that are not in {places.wheels}: {', '.join(absent_from(places.wheels)) or 'none'}"
    return carry_out(parser, options, steps(places), ROOT, places.environment, [absent])


if __name__ == "__main__":
    raise SystemExit(main())
