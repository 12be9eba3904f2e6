"""The expected target mAP of an arm that was chosen for its high measured one."""

from __future__ import annotations

from ..results.decision import Quoted
from ..results.study_statistics import ArmStatistics, Interval
from .resampled import Answered


def quoted_of(arm: ArmStatistics, answered: Answered, silence: str | None, covers: str, choices: int) -> Quoted:
    """The value on the test split if there is one, else the measured value minus the optimism of choosing among arms.

    The interval then covers the error of such choices, over resamples that each repeat the choice. If nothing can be
    resampled, the measured value is kept and its optimism is unknown.
    """
    measured, test = arm.target, arm.target_test
    if test is not None:
        return Quoted(
            value=test.value,
            interval=test.interval,
            source="test split",
            measured=measured.value,
            optimism=answered.optimism,
            covers=test.covers,
            no_interval=test.no_interval if test.no_interval or test.interval else _NOTHING,
        )
    if choices < 2:  # nothing was chosen
        return Quoted(
            value=measured.value,
            interval=measured.interval,
            source="as measured",
            measured=measured.value,
            optimism=0.0,
            covers=measured.covers,
            no_interval=measured.no_interval if measured.no_interval or measured.interval else _NOTHING,
        )
    if answered.optimism is None or answered.error is None:
        return Quoted(
            value=measured.value,
            interval=None,
            source="as measured",
            measured=measured.value,
            no_interval=silence or _NOTHING,
        )
    low, high = answered.error
    value = _clipped(measured.value - answered.optimism)
    return Quoted(
        value=value,
        interval=Interval(
            low=min(_clipped(measured.value - high), value), high=max(_clipped(measured.value - low), value)
        ),
        source="bias-corrected",
        measured=measured.value,
        optimism=answered.optimism,
        covers=covers,
    )


_NOTHING = "one seed and no match data: nothing was varied"


def _clipped(value: float) -> float:
    """Clipped to the range of an AP."""
    return min(1.0, max(0.0, value))
