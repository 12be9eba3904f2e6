"""Times of suppression and matching on a GPU, beside torchvision's and the time that reading the bytes takes.

    python -m bench.gpu.times --json FILE [--repeats 30]

Heads are drawn [B, 84, 8400] with about 3,100 scores above the threshold of 0.001 an image. Our calls are captured in
a CUDA graph; one sample is the mean of 20 replays between two events. A batch of one stays in the L2 cache between
replays, as it does behind an engine that has just written it. torchvision is timed with the host's clock around what
its users write: threshold, gather, `batched_nms`, the best 300, image by image. Printed and written: medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torchvision.ops import batched_nms

from bench_freeze.environment import environment
from bench_freeze.kernels.cuda import nms_cuda
from bench_freeze.kernels.cuda_matching import CudaTruth, match_cuda
from bench_freeze.kernels.device_array import Workspace, cuda_unavailable_reason
from bench_freeze.kernels.nms_options import NmsOptions

from .drawn import COCO, IOU, MAX_DETECTIONS, THRESHOLD, drawn_heads, drawn_truth
from .result import write_result
from .to_ap import xywh

REPLAYS = 20
GOALS_US = {(1, "float16"): 30.0, (64, "float16"): 100.0}  # of a suppression in a graph


def graph_time_us(work: Callable[[], Any], repeats: int) -> list[float]:
    """Microseconds of one replay, `repeats` times over."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        work()  # makes the memory that the graph works in
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    for _ in range(REPLAYS):
        graph.replay()
    samples = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(REPLAYS):
            graph.replay()
        end.record()
        end.synchronize()
        samples.append(start.elapsed_time(end) * 1e3 / REPLAYS)
    return samples


def host_time_us(work: Callable[[], Any], repeats: int) -> list[float]:
    samples = []
    for repeat in range(repeats + 2):
        torch.cuda.synchronize()
        start = time.perf_counter_ns()
        work()
        torch.cuda.synchronize()
        if repeat >= 2:
            samples.append((time.perf_counter_ns() - start) * 1e-3)
    return samples


def torchvision_nms(heads: torch.Tensor) -> list[torch.Tensor]:
    kept = []
    for head in heads:
        label, anchor = (head[4:] > THRESHOLD).nonzero(as_tuple=True)
        x, y, width, height = head[:4, anchor].float()
        boxes = torch.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], dim=1)
        kept.append(batched_nms(boxes, head[4 + label, anchor].float(), label, IOU)[:MAX_DETECTIONS])
    return kept


def bandwidth_bytes_per_s(repeats: int) -> float:
    """Of a large copy, read and written: what a kernel that only reads can hope for at least."""
    source = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * float(source.numel()) / (statistics.median(graph_time_us(lambda: target.copy_(source), repeats)) * 1e-6)


def times_of(images: int, dtype: torch.dtype, bandwidth: float, repeats: int) -> dict[str, Any]:
    heads = drawn_heads(images, dtype)
    truth = CudaTruth.upload(drawn_truth(images))
    positions = torch.arange(images, dtype=torch.int32, device="cuda")
    nms_workspace, match_workspace = Workspace(), Workspace()

    def suppress() -> Any:
        return nms_cuda(heads, NmsOptions(THRESHOLD, IOU), workspace=nms_workspace)

    def suppress_and_match() -> Any:
        found = suppress()
        return match_cuda(
            truth,
            COCO,
            image=positions,
            boxes_xywh=xywh(found),
            scores=found.scores,
            labels=found.labels,
            count=found.count,
            workspace=match_workspace,
        )

    suppress().check()
    suppress_and_match().check()
    samples = {
        "nms_graph": graph_time_us(suppress, repeats),
        "nms_and_match_graph": graph_time_us(suppress_and_match, repeats),
        "nms_calls": host_time_us(suppress, repeats),
        "torchvision": host_time_us(lambda: torchvision_nms(heads), min(repeats, 10)),
    }
    return {
        "images": images,
        "dtype": str(dtype).removeprefix("torch."),
        "candidates_per_image": float((heads[:, 4:] > THRESHOLD).sum() / images),
        "floor_us": heads.numel() * heads.element_size() / bandwidth * 1e6,
        "median_us": {name: statistics.median(values) for name, values in samples.items()},
        "samples_us": samples,
    }


def line(case: dict[str, Any]) -> str:
    """A case in the table."""
    medians = case["median_us"]
    goal = GOALS_US.get((case["images"], case["dtype"]))
    aim = "" if goal is None else f", goal {goal:.0f}"
    return (
        f"batch {case['images']} {case['dtype']}: {medians['nms_graph']:.1f} us (floor {case['floor_us']:.1f}{aim}, "
        f"torchvision {medians['torchvision']:.0f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=30)
    options = parser.parse_args()
    if reason := cuda_unavailable_reason():
        parser.exit(1, f"{reason}\n")
    bandwidth = bandwidth_bytes_per_s(options.repeats)
    cases = []
    for images, dtype in ((1, torch.float16), (64, torch.float16), (1, torch.float32), (16, torch.float16)):
        cases.append(times_of(images, dtype, bandwidth, options.repeats))
        write_result(  # again after every case: what is known is kept where the next one hangs
            options.json,
            "; ".join(map(line, cases)),
            gpu=torch.cuda.get_device_name(),
            cuda=torch.version.cuda,
            bandwidth_bytes_per_s=bandwidth,
            repeats=options.repeats,
            environment=environment(),
            cases=cases,
        )


if __name__ == "__main__":
    main()
