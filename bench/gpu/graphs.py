"""CUDA graphs through PyCUDA: suppression recorded with the driver's calls, launched again with other contents.

    python -m bench.gpu.graphs --json FILE

What engines/cuda_graph.py does under TensorRT, without it: PyCUDA's context and stream, our kernels between them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from bench_freeze.engines.cuda_graph import CudaGraph
from bench_freeze.engines.trt_start import primary_context
from bench_freeze.kernels import ext
from bench_freeze.kernels.cuda import nms_cuda
from bench_freeze.kernels.detection_block import DetectionBlock
from bench_freeze.kernels.device_array import DeviceArray, Workspace, require_cuda
from bench_freeze.kernels.nms_options import NmsOptions

from .result import write_result

LAUNCHES = 200
SHAPE = (1, 84, 8400)


def drawn(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """A head with about as many candidates as a trained model's."""
    head = np.random.default_rng(seed).random(SHAPE, dtype=np.float32)
    head[:, :4] *= 600
    head[:, 4:] **= 32
    return head


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    require_cuda()
    driver = primary_context("cuda:0")
    stream = driver.Stream()
    settings = NmsOptions(score_threshold=0.25)
    heads = [drawn(seed) for seed in range(4)]
    on_device = DeviceArray.from_numpy(heads[0])
    block, memory = DetectionBlock(["head"], 1, settings.max_detections, 0), Workspace()
    copied = driver.pagelocked_empty((block.nbytes,), np.uint8)

    def enqueue() -> None:
        nms_cuda(on_device, settings, stream=stream.handle, workspace=memory, out=block.on_device["head"])

    enqueue()  # makes the memory that the graph works in
    stream.synchronize()
    graph = CudaGraph(stream.handle, enqueue)
    different: list[int] = []
    kept = 0
    for number, head in enumerate(heads):
        driver.memcpy_htod_async(on_device.address, head, stream)
        graph.launch()
        driver.memcpy_dtoh_async(copied, block.memory.address, stream)
        stream.synchronize()
        found, expected = block.read(copied)["head"], ext.nms(head, settings)
        kept += int(expected.count.sum())
        different += [
            number for name, value in vars(expected).items() if not np.array_equal(getattr(found, name), value)
        ]
    start, end = driver.Event(), driver.Event()
    microseconds = {}
    for name, work in (("graph", graph.launch), ("calls", enqueue)):
        began = time.perf_counter()
        start.record(stream)
        for _ in range(LAUNCHES):
            work()
        end.record(stream)
        queued = time.perf_counter() - began
        end.synchronize()
        microseconds[name] = {
            "gpu": start.time_till(end) * 1e3 / LAUNCHES,
            "host": queued * 1e6 / LAUNCHES,
        }
    graph.close()
    write_result(
        options.json,
        f"4 replays equal the CPU ({kept} detections); batch 1 float32: graph {microseconds['graph']['gpu']:.1f} us "
        f"(host {microseconds['graph']['host']:.1f}), calls {microseconds['calls']['gpu']:.1f} us "
        f"(host {microseconds['calls']['host']:.1f})",
        f"replays {different} of the graph differ from the CPU" if different else "",
        microseconds=microseconds,
    )


if __name__ == "__main__":
    main()
