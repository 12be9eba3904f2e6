"""Verify and time everything on a machine with TensorRT and an NVIDIA GPU, a server or a Jetson.

    python bench/trt.py [DATA] --dry-run       # check every command line, run nothing
    python bench/trt.py [DATA] --out OUT       # the run; OUT gets results.json, table.txt, log.txt, study.json

DATA is a folder with weights/, fruit9/ and coco206/ (bench/README.md). Without it, the embedded study runs, which shows
nothing about a real detector. The machine needs TensorRT 10 or 11 (or for RTX), PyCUDA and the extension with its CUDA
back end, and for the study the train and ort extras. Each step is a process of its own with its own time limit; a
failing step does not stop the next one, and its result is written at once. The exit status is 1 if any step that ran is
not ok. No machine with TensorRT and a GPU was available for this version: the script was rehearsed without one, as far
as that is possible.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.gpu.command_line import add_flags, carry_out
from bench.gpu.trt_plan import Places, steps

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", help="folder of weights and data sets")
    add_flags(parser, 60, ROOT / "build/trt")
    options = parser.parse_args()
    data = options.data.resolve() if options.data else None
    out = (options.out or options.work / "out").resolve()
    places = Places(ROOT, options.work.resolve(), out, data)
    return carry_out(parser, options, steps(places), ROOT, places.environment)


if __name__ == "__main__":
    raise SystemExit(main())
