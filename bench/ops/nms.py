"""Decode + NMS of real YOLOv8n outputs on the CPU, and raw outputs to the twelve numbers: ours and the anchors, paired.

    python bench/ops/nms.py DATA [--images 64] [--rounds 15] [--whole 5000] [--whole-rounds 3] [--slow-rounds 1]
        [--heads FILE] [--json FILE]

DATA is the folder with weights/yolov8n_coco.pt and coco206 (see tests/conftest.py). Score 0.001, IoU 0.7, 300
detections, multi-label, one thread. The anchors are ONNX Runtime's NonMaxSuppression with the best 300 of its answer
and their boxes gathered, and Ultralytics' non_max_suppression (which changes its input: the copy that it is given is
not timed). The second table goes on to the twelve numbers: ours streams through Evaluator.update(predictions=...),
theirs is NMS, then the evaluator named. Its --whole images (5,000 are val2017's) are the --images real outputs over and
over, each copy with an id of its own and the original's ground truth. Ultralytics with pycocotools takes minutes, so it
has a number of rounds of its own. Beside the wall time stands the processor's, which other work on the machine
disturbs less; every contender runs on one thread.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nms_contenders import SCORE, UltralyticsNms, cached_outputs, onnx_nms, repeated, score_with, to_coco

import bench_freeze
from bench_freeze.environment import environment

BATCH = 32

Call = Callable[[], float]  # does the work; seconds of it that do not count


def batches(heads: np.ndarray, size: int, count: int | None = None) -> Iterator[np.ndarray]:
    """Views of the outputs, over and over until there are `count`."""
    done = 0
    count = len(heads) if count is None else count
    while done < count:
        first = done % len(heads)
        yield heads[first : first + min(size, count - done)]
        done += size


def paired(calls: dict[str, Call], rounds: dict[str, int]) -> dict[str, list[tuple[float, float]]]:
    """Wall and processor seconds of every round of every call; the first round warms up where there are several."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for number in range(max(rounds.values()) + 1):
        for name in list(calls) if number % 2 else list(calls)[::-1]:
            if number > rounds[name] or (number == 0 and rounds[name] == 1):
                continue
            start = time.perf_counter(), time.process_time()
            apart = calls[name]()
            if number:
                seconds[name].append((time.perf_counter() - start[0] - apart, time.process_time() - start[1] - apart))
    return seconds


def report(title: str, seconds: dict[str, list[tuple[float, float]]], per: int, unit: str) -> dict[str, Any]:
    ours = next(iter(seconds.values()))
    out: dict[str, Any] = {}
    for name, values in seconds.items():
        entry: dict[str, Any] = {}
        for i, clock in enumerate(("wall", "cpu")):
            median = statistics.median(value[i] for value in values) / per * (1e3 if unit == "ms" else 1)
            # a contender with fewer rounds is paired with the first of ours
            ratio = statistics.median(v[i] / o[i] for v, o in zip(values, ours, strict=False))
            entry |= {
                f"{clock}_seconds": [v[i] for v in values],
                f"median_{clock}_{unit}": median,
                f"median_{clock}_ratio_to_ours": ratio,
            }
        out[name] = entry
        wall, cpu = entry[f"median_wall_{unit}"], entry[f"median_cpu_{unit}"]
        print(
            f"{title:<24} {name:<38} wall {wall:8.3f} {unit} x{entry['median_wall_ratio_to_ours']:<6.2f} "
            f"processor {cpu:8.3f} {unit} x{entry['median_cpu_ratio_to_ours']:.2f}",
            flush=True,
        )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, default=64, help="real outputs, a multiple of 32")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--whole", type=int, default=5000, help="images to the twelve numbers; 0: leave this table out")
    parser.add_argument("--whole-rounds", type=int, default=3)
    parser.add_argument("--slow-rounds", type=int, default=1, help="of Ultralytics with pycocotools; 0: leave it out")
    parser.add_argument("--heads", type=Path, help="keep the real outputs here (npz) between runs")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.images % BATCH:
        parser.error(f"--images {options.images} is not a multiple of {BATCH}")
    torch.set_num_threads(1)
    heads, letterboxes, ids = cached_outputs(options.heads, options.data, options.images)
    candidates = float((heads[:, 4:] > SCORE).sum() / len(heads))
    print(f"{len(heads)} images, {candidates:.0f} candidates each")
    results = {"decode + NMS": suppression(heads, options.rounds)}
    if options.whole:
        inputs = repeated(options.data, ids, letterboxes, options.whole)
        rounds = (options.whole_rounds, options.slow_rounds)
        results[f"raw outputs of {options.whole} images to numbers"] = to_numbers(heads, inputs, options.whole, rounds)
    if options.json:
        note = {"images": len(heads), "candidates": candidates, "environment": environment(), "results": results}
        options.json.write_text(json.dumps(note, indent=1, default=str))


def suppression(heads: np.ndarray, rounds: int) -> dict[str, Any]:
    call_onnx, call_ultralytics = onnx_nms(), UltralyticsNms()

    def over(select: Callable[[np.ndarray], Any], size: int) -> Call:
        def call() -> float:
            before = call_ultralytics.copying
            for batch in batches(heads, size):
                select(batch)
            return float(call_ultralytics.copying - before)

        return call

    calls = {
        "bench-freeze, batch 32": over(bench_freeze.nms, 32),
        "bench-freeze, batch 1": over(bench_freeze.nms, 1),
        "ONNX Runtime NonMaxSuppression": over(call_onnx, 1),
        "Ultralytics, batch 1": over(call_ultralytics, 1),
        "Ultralytics, batch 16": over(call_ultralytics, 16),
        "Ultralytics, batch 32": over(call_ultralytics, 32),
        "reading the tensor once": over(lambda batch: batch.view(np.uint32).max(), 32),
    }
    return report("decode + NMS", paired(calls, dict.fromkeys(calls, rounds)), len(heads), "ms")


def to_numbers(heads: np.ndarray, inputs: Any, count: int, rounds: tuple[int, int]) -> dict[str, Any]:
    truth, instances, ids, letterboxes = inputs
    numbers: dict[str, list[float]] = {}
    call_ultralytics = UltralyticsNms()

    def ours() -> float:
        evaluator = bench_freeze.Evaluator(truth)
        for number, batch in enumerate(batches(heads, BATCH, count)):
            part = slice(number * BATCH, number * BATCH + len(batch))
            evaluator.update(ids[part], predictions=batch, letterbox=letterboxes[part])
        numbers["bench-freeze"] = list(evaluator.result().stats().values())
        return 0.0

    def chain(name: str, select: Callable[[np.ndarray], list[np.ndarray]], package: str) -> Call:
        def call() -> float:
            before = call_ultralytics.copying
            parts = []
            for number, batch in enumerate(batches(heads, BATCH, count)):
                part = slice(number * BATCH, number * BATCH + len(batch))
                parts.append(to_coco(select(batch), letterboxes[part], ids[part], truth.category_ids))
            numbers[name] = score_with(package, instances, np.concatenate(parts))
            return float(call_ultralytics.copying - before)

        return call

    fast, slow = "ONNX Runtime + ultrafast-pycocotools", "Ultralytics + pycocotools"
    calls: dict[str, Call] = {"bench-freeze": ours, fast: chain(fast, onnx_nms(), "ultrafast_pycocotools")}
    times = {"bench-freeze": rounds[0], fast: rounds[0]}
    if rounds[1]:
        calls[slow], times[slow] = chain(slow, call_ultralytics, "pycocotools"), rounds[1]
    table = report("raw outputs to numbers", paired(calls, times), 1, "s")
    for name, values in numbers.items():
        table[name]["stats"] = values
        print(f"{name:<38} AP {values[0]:.6f} AP50 {values[1]:.6f} AR100 {values[8]:.6f}")
    return table


if __name__ == "__main__":
    main()
