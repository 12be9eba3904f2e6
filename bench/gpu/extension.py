"""Whether the installed extension has the CUDA back end and this GPU can run it.

python -m bench.gpu.extension --json FILE
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from bench_freeze.kernels import ext
from bench_freeze.kernels.cuda import nms_cuda
from bench_freeze.kernels.device_array import DeviceArray, cuda_unavailable_reason, to_numpy

from .result import write_result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    why, figures = cuda_unavailable_reason(), ""
    if not why:
        head = np.random.default_rng(0).random((2, 7, 50), dtype=np.float32)
        found, expected = nms_cuda(DeviceArray.from_numpy(head)), ext.nms(head)
        figures = f"{int(to_numpy(found.count).sum())} detections of a drawn head"
        if not np.array_equal(to_numpy(found.boxes_xyxy), expected.boxes_xyxy):
            why = "the first suppression on this GPU is not the CPU's"
    write_result(options.json, figures, why, file=ext.native.__file__)


if __name__ == "__main__":
    main()
