"""When a race decides: by Ultralytics' own schedule of the learning rate."""

import numpy as np
import pytest
from ultralytics.utils.torch_utils import one_cycle

from bench_freeze.racing.schedule import DECIDE_AT, decision_epochs, relative_rates, times_of


@pytest.mark.parametrize("epochs", [1, 2, 7, 50, 100])
@pytest.mark.parametrize("final", [0.01, 0.2, 1.0])
def test_rates_are_those_of_ultralytics_schedules(epochs, final):
    linear = [max(1 - x / epochs, 0) * (1.0 - final) + final for x in range(epochs)]
    np.testing.assert_allclose(relative_rates(epochs, final=final, warmup=0), linear)
    cosine = [one_cycle(1, final, epochs)(x) for x in range(epochs)]
    np.testing.assert_allclose(relative_rates(epochs, final=final, cosine=True, warmup=0), cosine)


def test_half_of_a_linear_schedule_is_spent_after_29_percent_of_the_epochs():
    times = times_of(relative_rates(1000, warmup=0, final=0))
    assert times[293] == pytest.approx(0.5, abs=0.001)
    assert times_of(relative_rates(1000, warmup=0, final=1))[500] == pytest.approx(0.5)


@pytest.mark.parametrize("epochs", [1, 2, 3, 5, 10, 30, 50, 300])
@pytest.mark.parametrize("every", [1, 2, 5])
def test_decisions_lie_where_there_are_looks_and_nearest_to_where_they_should(epochs, every):
    times = times_of(relative_rates(epochs))
    found = decision_epochs(times, every)
    assert found[-1] == epochs
    assert list(found) == sorted(set(found))
    looks = [epoch for epoch in range(1, epochs) if epoch % every == 0]
    assert set(found[:-1]) <= set(looks)
    for at in DECIDE_AT if looks else ():
        assert min(abs(times[list(found[:-1])] - at)) == pytest.approx(min(abs(times[looks] - at)))


def test_a_warm_up_puts_decisions_off():
    early, late = (decision_epochs(times_of(relative_rates(50, warmup=warmup))) for warmup in (0, 10))
    assert early == (3, 7, 15, 25, 50)
    assert all(b >= a for a, b in zip(early, late, strict=True))
    assert late[0] > early[0]
