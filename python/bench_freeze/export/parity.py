"""Parity: compares two engines on the same real images, output by output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..engines.base import Engine, infer_padded
from ..errors import AuditError

# Bounds for fp32 engines. Boxes are sums of 16 softmax terms times a stride of up to 32 pixels, so float32 rounding
# causes errors of up to a few thousandths of a pixel, whereas a wrong operator causes errors of whole pixels.
BOX_BOUND_PX = 0.05
SCORE_BOUND = 1e-3


@dataclass(frozen=True)
class HeadDifference:
    """The largest absolute differences of one head: boxes in canvas pixels, scores without a unit."""

    head: str
    box_px: float
    score: float


def compare_engines(source: Engine, exported: Engine, images: NDArray[np.float32]) -> tuple[HeadDifference, ...]:
    """The differences of every head on `images`. Raises AuditError with the worst output if a bound is exceeded.

    For heads that select their own detections, boxes are compared detection by detection where both scores exceed 0.05:
    the order of weaker ones depends on rounding.
    """
    expected, found = infer_padded(source, images), infer_padded(exported, images)
    differences = []
    for head in source.card.heads:
        a, b = expected[head.name], found[head.name]
        if a.shape != b.shape:
            raise AuditError(f"output '{head.name}' has shape {b.shape} in the exported model and {a.shape} in torch.")
        if head.kind == "raw":
            box, score = _largest(a[:, :4], b[:, :4]), _largest(a[:, 4:], b[:, 4:])
        else:
            sure = (a[..., 4] > 0.05) & (b[..., 4] > 0.05)
            box, score = _largest(a[..., :4][sure], b[..., :4][sure]), _largest(a[..., 4], b[..., 4])
        differences.append(HeadDifference(head.name, box, score))
    worst = max(differences, key=lambda d: max(d.box_px / BOX_BOUND_PX, d.score / SCORE_BOUND))
    if worst.box_px > BOX_BOUND_PX or worst.score > SCORE_BOUND:
        raise AuditError(
            f"the exported model differs from torch: output '{worst.head}' by {worst.box_px:.3g} px in boxes (bound "
            f"{BOX_BOUND_PX}) and {worst.score:.3g} in scores (bound {SCORE_BOUND}); try another --opset, or report it."
        )
    return tuple(differences)


def compare_in_batches(
    source: Engine, exported: Engine, images: NDArray[np.float32], batch: int | None
) -> tuple[HeadDifference, ...]:
    """Run `compare_engines` on batches of `batch` images, or on all at once; the largest differences of each head."""
    step = batch or len(images)
    found = [compare_engines(source, exported, images[i : i + step]) for i in range(0, len(images), step)]
    return tuple(
        HeadDifference(same[0].head, max(d.box_px for d in same), max(d.score for d in same))
        for same in zip(*found, strict=True)
    )


def largest_difference(a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[float, float]:
    """The largest differences (boxes in pixels, scores) of two outputs of a head; infinite if their shapes differ."""
    if a.shape != b.shape:
        return float("inf"), float("inf")
    if a.shape[-1] == 6 and a.shape[1] != 6:
        return _largest(a[..., :4], b[..., :4]), _largest(a[..., 4], b[..., 4])
    return _largest(a[:, :4], b[:, :4]), _largest(a[:, 4:], b[:, 4:])


def _largest(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """The largest absolute difference; infinite if there is a NaN, so that no check can pass it."""
    return float(np.nan_to_num(np.abs(a - b), nan=np.inf).max()) if a.size else 0.0
