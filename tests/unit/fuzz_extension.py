"""Throws anything at the compiled entry points: each answers or raises, and none may crash.

    python tests/unit/fuzz_extension.py SEED SECONDS

A program of its own, so that a crash is its exit status and a build with sanitizers can run it.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

import bench_freeze
from bench_freeze.errors import InputError
from bench_freeze.kernels import ext, matching

HOSTILE = (0.0, -0.0, 1.0, -1.0, 0.5, np.nan, np.inf, -np.inf, 1e-320, 1e38, -1e38, 1e308, 65504.0, 2.0**53)


def floats(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    values = rng.normal(0, 50, shape)
    if rng.random() < 0.4:
        hostile = rng.random(shape) < rng.choice([0.01, 0.5])
        values = np.where(hostile, rng.choice(HOSTILE, shape), values)
    if rng.random() < 0.3:
        values = np.floor(values / 10)
    with np.errstate(over="ignore"):
        return values.astype(dtype)


def strided(rng: np.random.Generator, array: Any) -> Any:
    kind = rng.integers(0, 6)
    if kind == 0 and array.ndim:
        return array[tuple(slice(None, None, int(rng.choice([1, -1, 2]))) for _ in range(array.ndim))]
    if kind == 1:
        return array.T.copy().T
    if kind == 2:
        return np.broadcast_to(array[:1], array.shape) if array.ndim and len(array) else array
    if kind == 3:  # not aligned
        raw = np.zeros(array.nbytes + 1, np.uint8)
        view = raw[1:].view(np.uint8)[: array.nbytes]
        view[:] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        return np.frombuffer(raw.data, array.dtype, array.size, 1).reshape(array.shape)
    return array


def fuzz_nms(rng: np.random.Generator) -> None:
    shape = tuple(int(rng.choice([0, 1, 2, 3, 5, 6, 40, 90])) for _ in range(rng.choice([3, 3, 3, 3, 2, 4])))
    head = strided(rng, floats(rng, shape, rng.choice([np.float32, np.float16, np.float32, np.float64])))
    found = bench_freeze.nms(
        head,
        score_threshold=float(rng.choice([0.001, -1e9, 0.5, 1e30, np.nan])),
        iou_threshold=float(rng.choice([0, 0.5, 0.7, 1, -1, np.nan])),
        max_detections=int(rng.choice([0, 1, 7, 300])),
        max_candidates=int(rng.choice([-1, 1, 50, 2**62])),
        multi_label=bool(rng.integers(2)),
        class_agnostic=bool(rng.integers(2)),
        box_format=str(rng.choice(["cxcywh", "xyxy"])),
        threads=int(rng.choice([0, 1, 2, 9])),
    )
    assert np.isfinite(found.boxes_xyxy).all()
    assert (found.count <= found.scores.shape[1]).all()


def positions(rng: np.random.Generator, rows: int, limit: int) -> Any:
    values = rng.integers(0, max(limit, 1), rows)
    if rng.random() < 0.1 and rows:
        values[rng.integers(rows)] = rng.choice([-1, limit, 2**31 - 1, -(2**31)])
    return strided(rng, values.astype(rng.choice([np.int32, np.int32, np.int64])))


def fuzz_evaluator(rng: np.random.Generator) -> None:
    images, classes = int(rng.choice([0, 1, 3, 70])), int(rng.choice([0, 1, 4, 300]))
    truths, rows = (int(rng.choice([0, 1, 30, 200])) for _ in range(2))
    dtype = np.float64 if rng.random() < 0.8 else np.float32
    truth = matching.index_truth(
        positions(rng, truths, images), positions(rng, truths, classes), strided(rng, floats(rng, (truths, 4), dtype)),
        floats(rng, (truths,), dtype), rng.random(truths) < 0.2, rng.random(truths) < 0.1,
        images=images, classes=classes,
    )  # fmt: skip
    lattice = matching.Lattice(
        str(rng.choice(["coco", "ultralytics", "voc"])),
        rng.random(int(rng.choice([1, 2, 10, 64, 100]))),
        np.sort(rng.uniform(0, 5000, (int(rng.choice([1, 4, 7, 64])), 2)), axis=1),
    )
    boxes = floats(rng, (rows, 4), dtype)
    boxes = np.abs(boxes) if rng.random() < 0.8 else boxes
    matches, _ = matching.match(
        truth, lattice, np.arange(images, dtype=np.int32),
        image=positions(rng, rows, images), label=positions(rng, rows, classes),
        boxes_xywh=strided(rng, boxes), scores=floats(rng, (rows,), dtype), threads=int(rng.integers(1, 5)),
    )  # fmt: skip
    recall = np.sort(rng.random(int(rng.choice([1, 11, 101]))))
    maxima = tuple(sorted(rng.choice([1, 2, 10, 100, 2**62], int(rng.integers(1, 4)), replace=False).tolist()))
    tensors, _, _ = matching.accumulate(
        truth, lattice, matches, recall_thresholds=recall, max_detections=maxima, threads=int(rng.integers(1, 5))
    )
    for tensor in (tensors.precision, tensors.recall):
        assert ((tensor >= -1) & (tensor <= 1)).all()
    matching.raw_curves(truth, lattice, matches, int(rng.integers(len(lattice.iou_thresholds))))
    ap = matching.bootstrap(
        truth, lattice, matches, recall_thresholds=recall, max_detections=maxima[0], resamples=3,
        seed=int(rng.integers(2**63)), threads=int(rng.integers(1, 4)),
        weights=rng.integers(-1 if rng.random() < 0.1 else 0, 4, (3, images)) if rng.random() < 0.5 else None,
    )  # fmt: skip
    assert ((ap >= -1) & (ap <= 1 + 1e-12)).all()


def fuzz_raw(rng: np.random.Generator) -> None:
    """Types and shapes that the binding itself has to refuse."""
    name = str(rng.choice(["nms", "letterbox", "match", "accumulate", "raw_curves", "bootstrap", "order_by_image"]))
    pool = (None, 1, -1, 0.5, True, "x", b"[", np.zeros(3), np.zeros((2, 4)), np.zeros((1, 6, 3), np.float32))
    arguments = [pool[int(rng.integers(len(pool)))] for _ in range(int(rng.integers(0, 15)))]
    try:
        getattr(ext.native, name)(*arguments)
    except TypeError:
        return
    raise AssertionError(f"{name} took {arguments}")


def main() -> None:
    rng = np.random.default_rng(int(sys.argv[1]))
    end = time.monotonic() + float(sys.argv[2])
    answered = refused = 0
    while time.monotonic() < end:
        for target in (fuzz_nms, fuzz_evaluator, fuzz_raw):
            try:
                target(rng)
                answered += 1
            except InputError:
                refused += 1
    print(answered, refused)
    assert answered > 20
    assert refused > 20


if __name__ == "__main__":
    main()
