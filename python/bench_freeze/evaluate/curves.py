"""Numbers read from raw precision-recall curves, without interpolation or sampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kernels.matching import RawCurves
from .protocols import Protocol


@dataclass(frozen=True)
class Curve:
    """One class at one IoU threshold: its true positives, best score first."""

    truths: int
    false_positives: NDArray[np.int64]  # [n], before each true positive
    false_positives_tied: NDArray[np.int64]  # [n], with the same score as each true positive or a higher one
    scores: NDArray[np.float64]  # [n]


@dataclass(frozen=True)
class BestF1:
    """The score threshold at which a class has its highest F1; detections with that score or more are kept."""

    score: float
    f1: float
    precision: float
    recall: float


def curve_of(raw: RawCurves, label: int, truths: int) -> Curve:
    """The curve of one class."""
    rows = slice(raw.begin[label], raw.begin[label + 1])
    return Curve(
        truths,
        raw.false_positives[rows].astype(np.int64),
        raw.false_positives_tied[rows].astype(np.int64),
        raw.scores[rows],
    )


def best_f1(curve: Curve) -> BestF1 | None:
    """The highest F1 over all score thresholds, with the highest threshold on a tie; None without true positives.

    A threshold cannot separate equal scores, so false positives that tie with a true positive count with it.
    """
    if curve.truths == 0 or len(curve.scores) == 0:
        return None
    found = np.arange(1, len(curve.scores) + 1)
    f1 = 2 * found / (found + curve.false_positives_tied + curve.truths)
    # Among true positives with one score, only the last one counts them all, and has the group's highest F1.
    best = int(np.argmax(f1))
    return BestF1(
        score=float(curve.scores[best]),
        f1=float(f1[best]),
        precision=float(found[best] / (found[best] + curve.false_positives_tied[best])),
        recall=float(found[best] / curve.truths),
    )


def average_precision(curve: Curve, protocol: Protocol) -> float:
    """AP of one class by a protocol that reads it from the raw curve; 0 without true positives."""
    if protocol == "ultralytics-8.4.183":
        return _ultralytics(curve)
    return _voc_11(curve) if protocol == "voc-11" else _voc_all(curve)


def _recall_and_envelope(curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Recall and envelope at each true positive. Between two, precision only falls, so the envelope lies at them."""
    found = np.arange(1, len(curve.scores) + 1)
    precision = found / (found + curve.false_positives)
    return found / curve.truths, np.maximum.accumulate(precision[::-1])[::-1]


def _voc_all(curve: Curve) -> float:
    """The area under the envelope, as in VOC's development kit from 2010 on."""
    recall, envelope = _recall_and_envelope(curve)
    return float(np.sum(np.diff(recall, prepend=0.0) * envelope))


def _voc_11(curve: Curve) -> float:
    """The mean of the envelope at recalls 0, 0.1 ... 1, as in VOC's development kit of 2007."""
    recall, envelope = _recall_and_envelope(curve)
    at = np.searchsorted(recall, np.arange(11) / 10)
    return float(np.append(envelope, 0.0)[at].sum() / 11)


def _ultralytics(curve: Curve) -> float:
    """`compute_ap` of Ultralytics 8.4.190, operation by operation.

    The curve runs from (recall 0, precision 1) through every detection to (last recall, 0) and (1, 0). Its envelope is
    interpolated linearly at 101 recalls and integrated by the trapezoidal rule. False positives between two true ones
    put a step of the envelope at the recall of the former; only the last of them matters.
    """
    found = np.arange(1, len(curve.scores) + 1)
    recall = found / (curve.truths + 1e-16)
    _, envelope = _recall_and_envelope(curve)
    follows_false = np.diff(curve.false_positives, prepend=0) > 0
    before = np.concatenate([[0.0], recall[:-1]]) if len(recall) else recall
    # Two points per true positive: after the false positives before it, if there are any, and the true positive itself.
    kept = np.stack([follows_false, np.ones_like(follows_false)], axis=1).reshape(-1)
    xs = np.stack([before, recall], axis=1).reshape(-1)[kept]
    ys = np.repeat(envelope, 2)[kept]
    last = recall[-1] if len(recall) else 0.0
    samples = np.linspace(0, 1, 101)
    values = np.interp(samples, np.concatenate([[0.0], xs, [last, 1.0]]), np.concatenate([[1.0], ys, [0.0, 0.0]]))
    return float(((samples[1:] - samples[:-1]) * (values[1:] + values[:-1]) / 2.0).sum())
