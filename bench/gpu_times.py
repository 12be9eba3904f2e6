"""Times of suppression and matching on a GPU, beside torchvision's and the time that reading the bytes takes.

    python bench/gpu_times.py [--out bench/results] [--repeats 30]

Heads are drawn [B, 84, 8400] with about 3,100 scores above the threshold of 0.001 an image. Our calls are captured in
a CUDA graph; one sample is the mean of 20 replays between two events. A batch of one stays in the L2 cache between
replays, as it does behind an engine that has just written it. torchvision is timed with the host's clock around what
its users write: threshold, gather, `batched_nms`, the best 300, image by image. Printed and written: medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision.ops import batched_nms

from bench_freeze.environment import environment
from bench_freeze.kernels.cuda import nms_cuda
from bench_freeze.kernels.cuda_matching import CudaTruth, match_cuda
from bench_freeze.kernels.device_array import Workspace, cuda_unavailable_reason
from bench_freeze.kernels.matching import Lattice, index_truth
from bench_freeze.kernels.nms_options import NmsOptions

CLASSES, ANCHORS, REPLAYS = 80, 8400, 20
THRESHOLD, IOU, MAX_DETECTIONS = 0.001, 0.7, 300
CANDIDATES = 3111
COCO = Lattice("coco", np.linspace(0.5, 0.95, 10), np.array([[0, 1e10], [0, 32**2], [32**2, 96**2], [96**2, 1e10]]))


def drawn_heads(images: int, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    """Piles of boxes around forty objects an image; an anchor that scores does so in a few classes."""
    random = torch.Generator("cuda").manual_seed(seed)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=random, device="cuda")

    objects = uniform(images, 4, 40) * torch.tensor([600.0, 600.0, 200.0, 200.0], device="cuda")[:, None] + 20
    pile = torch.randint(0, 40, (images, 1, ANCHORS), generator=random, device="cuda").expand(-1, 4, -1)
    boxes = objects.gather(2, pile) * (0.9 + 0.2 * uniform(images, 4, ANCHORS))
    is_hit = uniform(images, CLASSES, ANCHORS) < CANDIDATES / (CLASSES * ANCHORS)
    scores = torch.where(is_hit, 0.0011 + 0.9 * uniform(images, CLASSES, ANCHORS) ** 4, 0.0)
    return torch.cat([boxes, scores], dim=1).to(dtype)


def drawn_truth(images: int) -> CudaTruth:
    random = np.random.default_rng(0)
    rows = 7 * images
    boxes = random.uniform(10, 300, (rows, 4))
    return CudaTruth.upload(
        index_truth(
            random.integers(0, images, rows).astype(np.int32),
            random.integers(0, CLASSES, rows).astype(np.int32),
            boxes,
            boxes[:, 2] * boxes[:, 3],
            random.random(rows) < 0.01,
            np.zeros(rows, np.bool_),
            images=images,
            classes=CLASSES,
        )
    )


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
    truth = drawn_truth(images)
    positions = torch.arange(images, dtype=torch.int32, device="cuda")
    nms_workspace, match_workspace = Workspace(), Workspace()

    def suppress() -> Any:
        return nms_cuda(heads, NmsOptions(THRESHOLD, IOU), workspace=nms_workspace)

    def suppress_and_match() -> Any:
        found = suppress()
        corners = found.boxes_xyxy.double()
        boxes = torch.cat([corners[..., :2], corners[..., 2:] - corners[..., :2]], dim=-1)
        return match_cuda(
            truth,
            COCO,
            image=positions,
            boxes_xywh=boxes,
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("bench/results"))
    parser.add_argument("--repeats", type=int, default=30)
    options = parser.parse_args()
    if reason := cuda_unavailable_reason():
        parser.exit(1, f"{reason}\n")
    name = torch.cuda.get_device_name()
    bandwidth = bandwidth_bytes_per_s(options.repeats)
    print(f"{name}, copies at {bandwidth / 1e12:.2f} TB/s")
    cases = []
    for images, dtype in ((1, torch.float16), (1, torch.float32), (16, torch.float16), (64, torch.float16)):
        cases.append(times_of(images, dtype, bandwidth, options.repeats))
        medians = "   ".join(f"{key} {value:.1f}" for key, value in cases[-1]["median_us"].items())
        print(f"batch {images:>2} {cases[-1]['dtype']}: floor {cases[-1]['floor_us']:.1f} us   {medians}")
    content = {
        "gpu": name,
        "cuda": torch.version.cuda,
        "bandwidth_bytes_per_s": bandwidth,
        "repeats": options.repeats,
        "environment": environment(),
        "cases": cases,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    target = options.out / f"gpu_{name.lower().replace(' ', '_')}.json"
    target.write_text(json.dumps(content, indent=1) + "\n")
    print(f"written: {target}")


if __name__ == "__main__":
    main()
