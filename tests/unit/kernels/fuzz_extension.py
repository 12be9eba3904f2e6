"""Throws anything at the compiled entry points: each answers or raises, and none may crash.

    python tests/unit/kernels/fuzz_extension.py SEED SECONDS

Prints, for each target, how many calls were answered and how many refused.

A program of its own, so that a crash is its exit status and a build with sanitizers can run it.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

import bench_freeze
from bench_freeze.errors import InputError
from bench_freeze.kernels import ext, matching

HOSTILE = (0.0, -0.0, 1.0, -1.0, 0.5, np.nan, np.inf, -np.inf, 1e-320, 1e38, -1e38, 1e308, 65504.0, 2.0**53)


PIECES = (b"", b"0", b"-", b"e5", b".", b"]", b"}", b",", b'"', b"\\", b"\0", b" ", b"1" * 30)


def floats(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any, share_hostile: float = 0.4) -> Any:
    values = rng.normal(0, 50, shape)
    if rng.random() < share_hostile:
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
    """One call in three has arguments of any kind, the others an odd head only."""
    is_hostile = rng.random() < 0.35
    sizes = [0, 1, 2, 3, 5, 6, 40, 90]
    shape = tuple(int(rng.choice(sizes)) for _ in range(rng.choice([3, 3, 2, 4])))
    shape = shape if is_hostile else (int(rng.choice([0, 1, 3])), int(rng.integers(5, 12)), int(rng.choice(sizes)))
    types = [np.float32, np.float16, np.float64] if is_hostile else [np.float32, np.float16]
    found = bench_freeze.nms(
        strided(rng, floats(rng, shape, rng.choice(types))),
        score_threshold=float(rng.choice([0.001, -1e9, 0.5, 1e30, *([np.nan] if is_hostile else [])])),
        iou_threshold=float(rng.choice([0, 0.5, 0.7, 1, *([-1, np.nan] if is_hostile else [])])),
        max_detections=int(rng.choice([1, 7, 300, *([0] if is_hostile else [])])),
        max_candidates=int(rng.choice([1, 50, 2**62, *([-1] if is_hostile else [])])),
        multi_label=bool(rng.integers(2)),
        class_agnostic=bool(rng.integers(2)),
        box_format=str(rng.choice(["cxcywh", "xyxy"])),
        threads=int(rng.choice([1, 2, 9, *([0] if is_hostile else [])])),
    )
    assert np.isfinite(found.boxes_xyxy).all()
    assert (found.count <= found.scores.shape[1]).all()


def positions(rng: np.random.Generator, rows: int, limit: int, is_hostile: bool) -> Any:
    values = rng.integers(0, max(limit, 1), rows)
    if is_hostile and rng.random() < 0.3 and rows:
        values[rng.integers(rows)] = rng.choice([-1, limit, 2**31 - 1, -(2**31)])
    return strided(rng, values.astype(rng.choice([np.int32, np.int32, np.int64])))


def fuzz_evaluator(rng: np.random.Generator) -> None:
    is_hostile = bool(rng.random() < 0.35)
    share = 0.5 if is_hostile else 0
    images, classes = int(rng.choice([0, 1, 3, 70])), int(rng.choice([0, 1, 4, 300]))
    has_rows = is_hostile or (images > 0 and classes > 0)
    truths, rows = (int(rng.choice([0, 1, 30, 200])) * has_rows for _ in range(2))
    dtype = np.float64 if rng.random() < 0.8 else np.float32
    truth = matching.index_truth(
        positions(rng, truths, images, is_hostile), positions(rng, truths, classes, is_hostile),
        strided(rng, floats(rng, (truths, 4), dtype, share)), floats(rng, (truths,), dtype, share),
        rng.random(truths) < 0.2, rng.random(truths) < 0.1, images=images, classes=classes,
    )  # fmt: skip
    # Many classes, thresholds and ranges at once would only fill memory.
    thresholds, ranges = (int(rng.choice([1, 2, 10])), 1) if classes > 4 else map(int, rng.choice([1, 4, 64, 90], 2))
    lattice = matching.Lattice(
        str(rng.choice(["coco", "ultralytics", "voc"])),
        rng.random(thresholds),
        np.sort(rng.uniform(0, 5000, (min(ranges, 64), 2)), axis=1),
    )
    boxes = floats(rng, (rows, 4), dtype, share)
    boxes = boxes if is_hostile and rng.random() < 0.2 else np.abs(boxes)
    matches, _ = matching.match(
        truth, lattice, np.arange(images, dtype=np.int32),
        image=positions(rng, rows, images, is_hostile), label=positions(rng, rows, classes, is_hostile),
        boxes_xywh=strided(rng, boxes), scores=floats(rng, (rows,), dtype, share), threads=int(rng.integers(1, 5)),
    )  # fmt: skip
    recall = np.sort(rng.random(int(rng.choice([1, 11, 101]))))
    maxima = tuple(sorted(rng.choice([1, 2, 10, 100, 2**62], int(rng.integers(1, 4)), replace=False).tolist()))
    tensors, _, _ = matching.accumulate(
        truth, lattice, [matching.MatchedImages.first(matches)], recall_thresholds=recall, max_detections=maxima,
        threads=int(rng.integers(1, 5)),
    )  # fmt: skip
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
    names = ("nms", "letterbox", "match", "accumulate", "raw_curves", "bootstrap", "order_by_image", "positions_of")
    name = str(rng.choice([*names, "sound_rows"]))
    pool = (None, 1, -1, 0.5, True, "x", b"[", np.zeros(3), np.zeros((2, 4)), np.zeros((1, 6, 3), np.float32))
    arguments = [pool[int(rng.integers(len(pool)))] for _ in range(int(rng.integers(0, 15)))]
    try:
        getattr(ext.native, name)(*arguments)
    except TypeError:
        return
    raise AssertionError(f"{name} took {arguments}")


def fuzz_json(rng: np.random.Generator) -> None:
    """Texts that are nearly COCO files: what the reader takes, a full parser reads alike."""
    rows = [
        {"image_id": int(rng.integers(9)), "category_id": int(rng.integers(4)), "score": float(rng.normal()),
         "bbox": [int(rng.integers(9)), 1.5, 2, float(rng.normal())], "more": [None, True, {"a": "b"}]}
        for _ in range(rng.integers(0, 6))
    ]  # fmt: skip
    text = bytearray(json.dumps(rows).encode())
    for _ in range(int(rng.choice([0, 1, 2, 9]))):
        place = int(rng.integers(len(text) + 1))
        piece = PIECES[int(rng.integers(len(PIECES)))]
        text[place : place + int(rng.integers(0, 3))] = piece
    columns = ext.native.read_results(bytes(text), int(rng.choice([1, 4, 2**40])))
    ext.native.read_annotations(b'{"annotations":' + bytes(text) + b"}")
    if columns is None:
        raise InputError("no plain list of results")
    read = json.loads(text)
    assert columns[0].tolist() == [row["image_id"] for row in read]
    assert columns[1].tolist() == [row["category_id"] for row in read]
    assert columns[2].tolist() == [float(side) for row in read for side in row["bbox"]]
    assert columns[3].tolist() == [float(row["score"]) for row in read]


def fuzz_letterbox(rng: np.random.Generator) -> None:
    is_hostile = rng.random() < 0.3
    height, width = (int(rng.choice([0, 1, 2, 7, 40] if is_hostile else [1, 2, 7, 40])) for _ in range(2))
    image = strided(rng, rng.integers(0, 256, (height, width, 4 if rng.random() < 0.1 else 3)).astype(np.uint8))
    resized = [int(rng.choice([-1, 0, 1, 30, 2**40]) if is_hostile else rng.integers(1, 9)) for _ in "hw"]
    corner = [int(rng.choice([1, 20, -1, 2**62]) if is_hostile else rng.integers(0, 4)) for _ in "tl"]
    out = np.full((3, *(int(rng.integers(12, 20)) for _ in "hw")), np.nan, np.float32)
    ext.letterbox(image, out, resized_hw=(resized[0], resized[1]), top_left=(corner[0], corner[1]))
    assert ((out >= 0) & (out <= 1)).all()


TARGETS = {
    "nms": fuzz_nms,
    "letterbox": fuzz_letterbox,
    "evaluator": fuzz_evaluator,
    "json": fuzz_json,
    "types": fuzz_raw,
}


def main() -> None:
    rng = np.random.default_rng(int(sys.argv[1]))
    end = time.monotonic() + float(sys.argv[2])
    counts = {name: [0, 0] for name in TARGETS}
    while time.monotonic() < end:
        for name, target in TARGETS.items():
            try:
                target(rng)
                counts[name][0] += 1
            except InputError:
                counts[name][1] += 1
    for name, (answered, refused) in counts.items():
        print(name, answered, refused)
        assert answered > 5, name
    assert sum(refused for _, refused in counts.values()) > 20


if __name__ == "__main__":
    main()
