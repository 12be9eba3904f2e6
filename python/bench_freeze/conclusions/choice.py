"""The rule of the recommendation, over arrays, so that it can be applied to every resample.

The most accurate arm is the one with the highest target mAP among those that meet the constraints. The pick is the
cheapest arm whose loss against it is shown to be at most the indifference: the upper end of the interval of the paired
loss is within the indifference. A loss that merely cannot be distinguished from 0 is not enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Arms:
    """The inputs of the rule for A arms, besides their target mAP and base change."""

    reach: Array  # [A, A] upper end minus value of the loss of arm j against arm i; inf if unknown
    cost: NDArray[np.int64] | Array  # [A] rank, 0 the cheapest; arms of equal cost have equal ranks
    order: NDArray[np.int64]  # [A] the last tie-breaker
    is_barred: NDArray[np.bool_]  # [A] breaks a constraint whatever its target mAP and base change are
    max_drop: float
    min_target: float
    indifference: float


def allowed(arms: Arms, target: Array, base_change: Array) -> NDArray[np.bool_]:
    """[B, A] which arms meet the constraints; an unknown base change (NaN) breaks none here."""
    loses = np.where(np.isnan(base_change), -np.inf, -base_change) > arms.max_drop
    return ~arms.is_barred & ~loses & (target >= arms.min_target)


def choose(arms: Arms, target: Array, base_change: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """[B] the most accurate arm and [B] the pick, for target mAP and base change [B, A]; -1 if no arm is allowed."""
    may = allowed(arms, target, base_change)
    rows = np.arange(len(target))
    best = _first(may, -target, arms.cost, arms.order)
    upper = target[rows, best][:, None] - target + arms.reach[best]
    shown = may & (upper <= arms.indifference)
    shown[rows, best] = may[rows, best]
    pick = _first(shown, arms.cost, -target, arms.order)
    none = ~may.any(axis=1)
    best[none] = pick[none] = -1
    return best, pick


def _first(may: NDArray[np.bool_], *keys: Array | NDArray[np.int64]) -> NDArray[np.int64]:
    """[B] the allowed arm with the smallest first key; ties are broken by the next key."""
    left = may
    for key in keys:
        own = np.where(left, np.broadcast_to(key, may.shape), np.inf)
        left = left & (own == own.min(axis=1, keepdims=True))
    return np.asarray(np.argmax(left, axis=1))
