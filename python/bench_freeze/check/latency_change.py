"""The change of a median latency between two runs, from their raw samples."""

from __future__ import annotations

import math

from numpy.typing import ArrayLike

from ..stats.level import RUN_TO_RUN, Level, level, welch_df
from .change import Change


def latency_change(reference_s: ArrayLike, current_s: ArrayLike, run_to_run: float = RUN_TO_RUN) -> Change:
    """Current over reference, from samples in seconds in the order taken; at least MIN_SAMPLES of each, all above 0."""
    return change_of_levels(level(reference_s, run_to_run), level(current_s, run_to_run))


def change_of_levels(reference: Level, current: Level) -> Change:
    """The ratio of two runs' levels."""
    variance = reference.variance + current.variance
    return Change(
        reference=reference.median_s,
        current=current.median_s,
        worse=math.log(current.median_s / reference.median_s),
        se=math.sqrt(variance),
        df=welch_df([(reference.variance, reference.df), (current.variance, current.df)]),
        is_ratio=True,
    )
