"""Which arms are shown to be worse than another, or beyond a limit: a test over the seeds, paired by seed.

All arms of a seed train on the same batches and are scored on the same held-out images; another seed holds out other
images. So the difference of two arms within a seed is free of the seed's common effect, and its spread over the seeds
covers both another training and other images.

Error control. Arms 0..A-1 begin, there are D decisions on several seeds, each on the trainings' last epoch, and `alpha`
is the error rate of the whole race. A pair is tested one-sided at alpha / (D (A - 1)): every decision gets an equal
share, and the best arm has A - 1 rivals that could wrongly appear ahead of it. By the union bound over both, the
probability that the best arm is ever stopped as worse is at most alpha, however arms were stopped earlier and whatever
the dependence between the decisions. With a limit on the base loss, the best arm is the best one within it, and a rival
must be shown to keep the limit at the same level before it can stop another arm. A rival can be wrong at the best arm's
expense only by appearing ahead, if it is within the limit, or only by appearing to keep it, if it is beyond; so the
bound stays. This is the first step of Holm's procedure over an arm's rivals; its later steps would protect arms that
are not the best, which is not needed here.

Assumptions: the differences of one decision are normal and have one variance, which is estimated over the arms that are
left. A pair with a larger estimate counts with its own, but with so few seeds that protects little: if the values of
the best of 20 equal arms vary three times as much as the others', it is stopped in 12 % of races (simulated). With one
seed there is no spread, and nothing can be shown. Base losses of all seeds are measured on the same images, so what is
shown about them holds for these images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..stats.student import quantile

ALPHA = 0.05  # error rates of a race: the best arm stops as worse; any one arm stops for base mAP within the limit

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Behind:
    """An arm that is shown to be worse than another, and the gap, averaged over the seeds."""

    than: int
    gap: float


def level_of_a_pair(alpha: float, decisions: int, arms: int) -> float:
    """The one-sided significance level of one comparison of two arms at one decision."""
    return alpha / (decisions * max(1, arms - 1))


def shown_worse(
    values: Array, judged: Sequence[int], level: float, rivals: Sequence[int] | None = None
) -> dict[int, Behind]:
    """Arms that are shown to be worse than another, with the one that is farthest ahead of them.

    `values` is [arms, seeds] held-out mAP, complete for the `judged` arms. Each judged arm is compared with all other
    judged arms, or only with those in `rivals` if given.
    """
    own = values[list(judged)]
    are_behind = _pairs_behind(own, level)
    if rivals is not None:
        are_behind &= np.isin(list(judged), list(rivals))
    means = own.mean(axis=1)
    found = {}
    for i, arm in enumerate(judged):
        ahead_of_it = np.flatnonzero(are_behind[i])
        if len(ahead_of_it):
            rival = ahead_of_it[np.argmax(means[ahead_of_it])]
            found[arm] = Behind(judged[rival], float(means[rival] - means[i]))
    return found


def shown_beyond(loss: Array, judged: Sequence[int], limit: float, level: float) -> dict[int, float]:
    """Arms whose loss is shown to be above the limit, with its mean; losses are [arms, seeds].

    The spread is that of the arm's own seeds, or the pooled spread of all arms if that is larger. No pairing is needed,
    since the limit is a constant.
    """
    own = loss[list(judged)]
    are_beyond = _above(own - limit, level)
    return {arm: float(own[i].mean()) for i, arm in enumerate(judged) if are_beyond[i]}


def shown_within(loss: Array, judged: Sequence[int], limit: float, level: float) -> list[int]:
    """Arms whose loss is shown to be below the limit; see `shown_beyond`."""
    own = loss[list(judged)]
    are_within = _above(limit - own, level)
    return [arm for i, arm in enumerate(judged) if are_within[i]]


def _pairs_behind(values: Array, level: float) -> NDArray[np.bool_]:
    """[arms, arms] whether the row's arm is shown to be below the column's."""
    arms, seeds = values.shape
    degrees = (arms - 1) * (seeds - 1)
    if degrees < 1:
        return np.zeros((arms, arms), dtype=np.bool_)
    means = values.mean(axis=1)
    rest = values - means[:, None] - values.mean(axis=0) + values.mean()
    together = 2 * float(np.sum(rest**2)) / degrees
    centred = values - means[:, None]
    of_pairs = np.sum((centred[:, None] - centred[None]) ** 2, axis=2) / (seeds - 1)
    error = np.sqrt(np.maximum(together, of_pairs) / seeds)
    gaps = means[None] - means[:, None]
    return np.asarray((gaps > 0) & (gaps > quantile(1 - level, degrees) * error))


def _above(values: Array, level: float) -> NDArray[np.bool_]:
    """[arms] whether the mean over the seeds is shown to be above 0."""
    arms, seeds = values.shape
    degrees = arms * (seeds - 1)
    if degrees < 1:
        return np.zeros(arms, dtype=np.bool_)
    variances = np.var(values, axis=1, ddof=1)
    error = np.sqrt(np.maximum(variances, variances.mean()) / seeds)
    means = values.mean(axis=1)
    return np.asarray((means > 0) & (means > quantile(1 - level, degrees) * error))
