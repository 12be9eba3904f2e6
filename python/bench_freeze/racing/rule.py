"""Which arms are shown to be worse than another, or beyond a limit: a test over the seeds, paired by seed.

All arms of a seed train on the same batches and are scored on the same held-out images, and another seed holds out
others. So the difference of two arms within a seed is free of what the seed does to all, and its spread over the seeds
holds both what another training and what other images would change.

An arm is worse only where one and the same other arm is ahead of it twice: now, and at the end, if every epoch to come
closed the gap by as much as one did since the decision before. Rates fall, so epochs close it by less, and an arm that
comes late goes on.

Error control. Arms 0..A-1 begin, there are D decisions, and `alpha` is the whole error. A pair is tested at
alpha / (D (A - 1)), one-sided: the share of each decision is equal, so it is spent whenever the race ends, and the
arm that is best has A - 1 others that could be taken to be ahead of it. A union over both bounds the chance that it is
ever stopped as worse by alpha, however arms were stopped before and whatever the dependence between the looks. It is
the first step of Holm's rule over an arm's rivals; the later steps would protect arms that are not the best, which
nobody asks for. What is assumed: differences of one decision are normal with one variance, estimated over all arms
that run (a pair that spreads more than that counts with its own), and the gap to the best arm does not close faster and
faster. With one seed there is no spread, and nothing is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..stats.student import quantile

ALPHA = 0.05  # of a race: that the best arm is stopped as worse; and for each arm, that it is stopped within the limit

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Behind:
    """An arm that is shown to be worse than another: by so much on average over the seeds, now and at the end."""

    than: int
    gap: float
    gap_at_end: float


@dataclass(frozen=True)
class Beyond:
    """An arm that is shown to lose more than the limit: so much now, and at the end at its pace."""

    loss: float
    loss_at_end: float


def level_of_a_pair(alpha: float, decisions: int, arms: int) -> float:
    """The one-sided level of one comparison of two arms at one decision."""
    return alpha / (decisions * max(1, arms - 1))


def at_end(now: Array, before: Array, ahead: float) -> Array:
    """Where values would be at the end if they went on as since `before`.

    `ahead` is the number of epochs to the end over that since then; with 0 this is the end.
    """
    return np.asarray(now + ahead * (now - before))


def shown_worse(
    now: Array, before: Array, ahead: float, judged: Sequence[int], level: float, rivals: Sequence[int] | None = None
) -> dict[int, Behind]:
    """Arms that are shown to be worse than another, with the one that is farthest ahead of them.

    `now` and `before` are [arms, seeds] held-out mAP at this and at the last decision, complete for the arms that are
    `judged`; only these are compared, in both roles, or with those of them that are `rivals`. At the end `ahead` is 0,
    and `before` does not count.
    """
    own, coming = now[list(judged)], at_end(now, before, ahead)[list(judged)]
    are_behind = _pairs_behind(own, level) & _pairs_behind(coming, level)
    if rivals is not None:
        are_behind &= np.isin(list(judged), list(rivals))
    means, ends = own.mean(axis=1), coming.mean(axis=1)
    found = {}
    for i, arm in enumerate(judged):
        ahead_of_it = np.flatnonzero(are_behind[i])
        if len(ahead_of_it):
            rival = ahead_of_it[np.argmax(means[ahead_of_it])]
            found[arm] = Behind(judged[rival], float(means[rival] - means[i]), float(ends[rival] - ends[i]))
    return found


def shown_beyond(
    loss: Array, before: Array, ahead: float, judged: Sequence[int], limit: float, level: float
) -> dict[int, Beyond]:
    """Arms whose loss [arms, seeds] is shown to be above the limit, now and at the end.

    The spread is that of an arm's own seeds, or of all arms together where that is larger. Arms need not be paired: a
    limit is one number.
    """
    own, coming = loss[list(judged)], at_end(loss, before, ahead)[list(judged)]
    are_beyond = _above(own - limit, level) & _above(coming - limit, level)
    return {arm: Beyond(float(own[i].mean()), float(coming[i].mean())) for i, arm in enumerate(judged) if are_beyond[i]}


def _pairs_behind(values: Array, level: float) -> NDArray[np.bool_]:
    """[arms, arms] whether the arm of the row is shown to be below that of the column."""
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
