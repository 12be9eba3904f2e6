"""As many raw outputs as val2017 has images, to AP: suppression and matching on the GPU, accumulation on the CPU.

    python -m bench.gpu.to_ap --json FILE [--images 5000]

Outputs are drawn in float16, 64 a batch, and lie in GPU memory (7 GB; with less memory, fewer batches are used over and
over). Detections are put in order of image, class and rank on the GPU, since the accumulation wants them so. Beside it:
the matcher alone, and the bootstrap of AP, which has no GPU version, on the CPU.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench_freeze.cores import usable_cores
from bench_freeze.kernels.cuda import CudaDetections, nms_cuda
from bench_freeze.kernels.cuda_matching import CudaMatches, CudaTruth, match_cuda
from bench_freeze.kernels.device_array import Workspace, require_cuda
from bench_freeze.kernels.matching import Masks, MatchedImages, Matches, TruthIndex, accumulate, bootstrap
from bench_freeze.kernels.nms_options import NmsOptions

from .drawn import CLASSES, COCO, IOU, MAX_DETECTIONS, THRESHOLD, drawn_heads, drawn_truth
from .result import write_result

BATCH, REPEATS, GOAL_MS = 64, 5, 10.0
RECALLS = np.linspace(0, 1, 101)
SPARE_BYTES = 12 << 30  # of GPU memory beside the outputs


def xywh(found: CudaDetections) -> torch.Tensor:
    """Corners [B, D, 4] as the matcher takes boxes: left, top, width, height in float64."""
    corners = torch.as_tensor(found.boxes_xyxy).double()
    return torch.cat([corners[..., :2], corners[..., 2:] - corners[..., :2]], dim=-1)


def ordered(batches: list[tuple[Any, Any]], classes: int) -> Matches:
    """Detections and matches of successive batches, [B, D] each, as the accumulation takes them.

    Sorted by image, class and rank where they lie, then copied to the host.
    """
    labels = torch.cat([found.labels for found, _ in batches]).long()
    scores = torch.cat([found.scores for found, _ in batches])
    count = torch.cat([found.count for found, _ in batches]).long()
    marks = [torch.cat([getattr(m, name) for _, m in batches]) for name in ("true_positive", "ignored", "rank")]
    images, rows = labels.shape
    place = torch.arange(rows, device=labels.device) < count[:, None]
    image = torch.arange(images, device=labels.device)[:, None].expand(images, rows)
    order = ((image * classes + labels) * rows + marks[2])[place].argsort()
    begin = np.concatenate([[0], count.cumsum(0).cpu().numpy()]).astype(np.int64)
    used = (len(COCO.iou_thresholds) * len(COCO.area_ranges) + 7) // 8
    masks = [mark[place][order].cpu().numpy().view(np.uint8).reshape(-1, 8)[:, :used].copy() for mark in marks[:2]]
    return Matches(
        begin,
        labels[place][order].int().cpu().numpy(),
        scores[place][order].double().cpu().numpy(),
        (Masks(*masks),),
    )


def ap_of(truth: TruthIndex, matches: Matches) -> float:
    """COCO's AP."""
    tensors, _, _ = accumulate(
        truth,
        COCO,
        [MatchedImages.first(matches)],
        recall_thresholds=RECALLS,
        max_detections=(1, 10, 100),
        threads=usable_cores(),
    )
    found = tensors.precision[:, :, :, 0, -1]
    return float(found[found > -1].mean())


def seconds_of(work: Callable[[], Any]) -> float:
    """Wall time of work that waits for the GPU itself."""
    torch.cuda.synchronize()
    began = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--images", type=int, default=5000)
    options = parser.parse_args()
    require_cuda()
    batches = -(-options.images // BATCH)
    head_bytes = BATCH * (4 + CLASSES) * 8400 * 2
    distinct = max(1, min(batches, (torch.cuda.mem_get_info()[0] - SPARE_BYTES) // head_bytes))
    heads = [drawn_heads(BATCH, torch.float16, seed) for seed in range(distinct)]
    truth = drawn_truth(BATCH * batches)
    uploaded = CudaTruth.upload(truth)
    positions = torch.arange(BATCH * batches, dtype=torch.int32, device="cuda").split(BATCH)
    nms_memory, match_memory = Workspace(), Workspace()

    def suppress(index: int) -> CudaDetections:
        return nms_cuda(heads[index % distinct], NmsOptions(THRESHOLD, IOU, MAX_DETECTIONS), workspace=nms_memory)

    def matched(index: int, found: CudaDetections) -> CudaMatches:
        return match_cuda(
            uploaded, COCO, image=positions[index], boxes_xywh=xywh(found), scores=found.scores, labels=found.labels,
            count=found.count, workspace=match_memory,
        )  # fmt: skip

    def on_gpu() -> list[tuple[CudaDetections, CudaMatches]]:
        kept = []
        for index in range(batches):
            found = suppress(index)
            kept.append((found, matched(index, found)))
        return kept

    pairs = on_gpu()
    for found, marks in pairs:
        found.check()
        marks.check()
    matches = ordered(pairs, CLASSES)
    ap = ap_of(truth, matches)
    samples = {
        "gpu": [seconds_of(on_gpu) for _ in range(REPEATS)],
        "order_and_copy": [seconds_of(lambda: ordered(pairs, CLASSES)) for _ in range(REPEATS)],
        "accumulate": [seconds_of(lambda: ap_of(truth, matches)) for _ in range(REPEATS)],
        "all": [seconds_of(lambda: ap_of(truth, ordered(on_gpu(), CLASSES))) for _ in range(REPEATS)],
        "match_batch": [seconds_of(lambda: matched(0, pairs[0][0])) for _ in range(REPEATS)],
        "bootstrap_1000_on_cpu": [
            seconds_of(
                lambda: bootstrap(
                    truth, COCO, matches, recall_thresholds=RECALLS, max_detections=100, resamples=1000, seed=0,
                    threads=usable_cores(),
                )
            )
        ],
    }  # fmt: skip
    ms = {name: 1e3 * statistics.median(values) for name, values in samples.items()}
    write_result(
        options.json,
        f"{BATCH * batches:,} images to AP {ms['all']:.1f} ms (goal {GOAL_MS:.0f}): GPU {ms['gpu']:.1f}, order and "
        f"copy {ms['order_and_copy']:.1f}, accumulate on the CPU {ms['accumulate']:.1f}; match 64 "
        f"{ms['match_batch']:.2f} ms; bootstrap x1000 on the CPU {ms['bootstrap_1000_on_cpu'] / 1e3:.1f} s",
        images=BATCH * batches,
        distinct_batches=distinct,
        ap=ap,
        median_ms=ms,
        samples_s=samples,
    )


if __name__ == "__main__":
    main()
