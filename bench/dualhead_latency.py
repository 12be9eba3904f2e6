"""Latency of dual-head models relative to the single-head original, timed alternately in one process.

    python bench/dualhead_latency.py OUT [--rounds 60]

OUT is the output folder of a finished `bench-freeze run --engine ort`. Every round times each model once in one order
and once in reverse (A B B A), so that drift of the machine's speed affects all models alike. For each model, it prints
the median of its times, and the median of its ratio to its original within a round with a 95 % bootstrap interval.

The default is one thread: the waiting threads of many sessions in one process spin, and would slow the timed one.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from bench_freeze.engines.ort_engine import OrtEngine
from bench_freeze.environment import environment

WARMUP_CALLS = 10


def timed(engine: OrtEngine, images: np.ndarray) -> float:
    start = time.perf_counter_ns()
    engine.infer(images)
    return (time.perf_counter_ns() - start) * 1e-9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="output folder of a finished run with engine ort")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()

    results = json.loads((options.out / "results.json").read_text())
    files = {
        json.loads(manifest.read_text())["files"]["model.onnx"]["sha256"]: manifest.parent / "model.onnx"
        for manifest in (options.out / "artifacts").glob("onnx-*/manifest.json")
    }
    models: dict[str, str] = {}
    original_of: dict[str, str] = {}  # with several checkpoints, each has its own
    for record in (*results["originals"], *results["rows"]):
        what = f"{record['construction']} {record['freeze']}" if "freeze" in record else "original"
        name, original = (" ".join(filter(None, [text, record.get("weights")])) for text in (what, "original"))
        models.setdefault(name, record["artifact"]["onnx_sha256"])
        original_of[name] = original
    engines = {name: OrtEngine(files[sha256], threads=options.threads) for name, sha256 in models.items()}

    card = engines["original"].card
    shape = (card.batch or 1, 3, card.imgsz, card.imgsz)
    images = np.random.default_rng(0).random(shape, dtype=np.float32)  # the engine's time does not depend on content
    for engine in engines.values():
        for _ in range(WARMUP_CALLS):
            engine.infer(images)
    names = list(engines)
    times = np.empty((options.rounds, len(names)))
    for one_round in times:
        one_round[:] = 0
        for order in (range(len(names)), reversed(range(len(names)))):
            for k in order:
                one_round[k] += timed(engines[names[k]], images) / 2

    ratios = times / times[:, [names.index(original_of[name]) for name in names]]
    draws = np.random.default_rng(0).integers(0, options.rounds, (2000, options.rounds))
    figures = {}
    for k, name in enumerate(names):
        low, high = np.percentile(np.median(ratios[:, k][draws], axis=1), [2.5, 97.5])
        figures[name] = {"median_ms": float(np.median(times[:, k]) * 1e3), "ratio": float(np.median(ratios[:, k]))}
        figures[name] |= {"ratio_low": float(low), "ratio_high": float(high)}
        print(
            f"{name:<14} {figures[name]['median_ms']:8.2f} ms   x{figures[name]['ratio']:.3f} [{low:.3f}, {high:.3f}]"
        )
    if options.json:
        content = {
            "rounds": options.rounds,
            "threads": options.threads,
            "imgsz": card.imgsz,
            "environment": environment(),
            "models": figures,
        }
        options.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
