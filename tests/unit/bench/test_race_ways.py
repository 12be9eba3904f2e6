"""Races on recorded curves: what they spend and pick, and seeds that are drawn from recorded ones."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "bench"))
from race_fitted import drawn_seeds, parts_of
from race_ways import Curves, halving, race

LOOKS = (2, 4, 6, 10)
ARMS, SEEDS = 8, 3


def curves(seed, limit=None):
    """Arms whose means lie apart and rise; seeds add noise, and every arm loses another amount of base mAP."""
    rng = np.random.default_rng(seed)
    ends = rng.uniform(0.2, 0.6, ARMS)
    rise = np.array([0.4, 0.7, 0.85, 1.0])
    held_out = ends[:, None, None] * rise + 0.02 * rng.standard_normal((ARMS, SEEDS, len(LOOKS)))
    reported = ends[:, None] + 0.02 * rng.standard_normal((ARMS, SEEDS))
    drops = rng.uniform(0, 0.3, ARMS)
    drop = drops[:, None, None] * rise + 0.01 * rng.standard_normal((ARMS, SEEDS, len(LOOKS)))
    reported_drop = drops[:, None] + 0.01 * rng.standard_normal((ARMS, SEEDS))
    return Curves(LOOKS, held_out, reported, drop, reported_drop, limit)


@pytest.mark.parametrize("limit", [None, 0.1])
@pytest.mark.parametrize("seed", range(20))
def test_no_way_spends_more_than_its_budget_or_picks_what_breaks_the_limit(seed, limit):
    made = curves(seed, limit)
    keeping = [arm for arm in range(ARMS) if made.keeps_limit(arm)]
    for budget in (0.2, 0.35, 0.6, 1.0):
        for found in (race(made, budget), halving(made, budget, 2), halving(made, budget, 3)):
            if found is None:
                continue
            assert 0 < found.share <= budget + 1e-9
    whole = race(made, 1.0)
    assert made.keeps_limit(whole.pick) or not keeping
    assert race(made, 0.01) is None


def test_what_stops_in_a_race_costs_no_more():
    made = curves(0)
    cheap, dear = race(made, 0.25), race(made, 1.0)
    assert cheap.share < dear.share
    assert set(cheap.why.values()) >= {"budget"}


def test_deviations_are_split_into_parts_that_add_up():
    rng = np.random.default_rng(1)
    deviations = rng.standard_normal((6, 4, 3))
    kinds = ["a", "a", "b", "b", "b", "c"]
    common, alike, own = parts_of(deviations, kinds)
    np.testing.assert_allclose(common + alike + own, deviations)
    np.testing.assert_allclose(alike[0], alike[1])
    np.testing.assert_allclose(own[:2].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(own[5], 0, atol=1e-12)


def test_drawn_seeds_deviate_as_the_recorded_ones():
    """Arms that deviated together do so again, and each part has its recorded variance."""
    together = 0.05 * np.random.default_rng(3).standard_normal(SEEDS)
    still = Curves(
        LOOKS,
        np.full((ARMS, SEEDS, len(LOOKS)), 0.5),
        0.5 + np.broadcast_to(together, (ARMS, SEEDS)),
        np.zeros((ARMS, SEEDS, len(LOOKS))),
        np.zeros((ARMS, SEEDS)),
    )
    drawn = drawn_seeds(still, ["a"] * ARMS, 20_000, np.random.default_rng(4))
    np.testing.assert_allclose(drawn.held_out, 0.5)
    np.testing.assert_allclose(drawn.reported, np.broadcast_to(drawn.reported[:1], drawn.reported.shape))
    assert drawn.reported[0].mean() == pytest.approx(0.5 + together.mean(), abs=0.002)
    assert drawn.reported[0].std() == pytest.approx(together.std(ddof=1), rel=0.05)
