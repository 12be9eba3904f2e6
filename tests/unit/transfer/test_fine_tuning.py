"""The recipe of fine-tunings: rates rise and fall as stated, and options that cannot be meant are sentences."""

import numpy as np
import pytest

from bench_freeze.errors import InputError
from bench_freeze.transfer.fine_tuning import SCHEDULES, WARM_UP, FineTuning


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 9, 10, 195, 1000])
def test_a_rate_rises_evenly_to_its_peak_and_falls_without_reaching_zero(schedule, steps):
    tuning = FineTuning((0,), schedule=schedule)
    factors = np.array([tuning.factor(step, steps) for step in range(steps)])
    rising = round(WARM_UP * steps)
    assert factors.max() == 1
    assert np.allclose(factors[:rising], np.arange(1, rising + 1) / max(rising, 1))
    assert (np.diff(factors[rising:]) < 0).all()
    assert (factors > 0).all()  # no step is wasted
    assert tuning.factor(steps, steps) == pytest.approx(0)
    middle = rising + (steps - rising) / 2
    if middle == int(middle):
        assert tuning.factor(int(middle), steps) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"depths": ()}, "--freeze is empty"),
        ({"depths": (-1,)}, "--freeze -1"),
        ({"depths": (9, 0, 9)}, "names 9 twice"),
        ({"epochs": 0}, "--epochs 0: give 1"),
        ({"epochs": -3}, "--epochs -3"),
        ({"batch": 0}, "--train-batch 0"),
        ({"lr0": 0.0}, "--lr0 0 is not a learning rate"),
        ({"lr0": float("nan")}, "--lr0 nan"),
        ({"lr0": float("inf")}, "--lr0 inf"),
        ({"lr0": 2.0}, "--lr0 2"),
        ({"schedule": "step"}, "give cosine or linear"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(options, text):
    with pytest.raises(InputError, match=text):
        FineTuning(**{"depths": (0,)} | options)
