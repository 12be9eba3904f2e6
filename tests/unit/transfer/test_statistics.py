"""Intervals over images and seeds: against plain formulas, and how often they hold what is true."""

import math

import numpy as np
import pytest

from bench_freeze.stats.estimate import Estimate, Spread
from bench_freeze.stats.multiple import holm
from bench_freeze.stats.student import quantile, two_sided_p
from bench_freeze.transfer.statistics import Less, Ratio, against_zero, compared, compared_by, estimated, resamples


def ratio(hits):
    hits = np.asarray(hits, np.float64)
    return Ratio(hits, np.ones(hits.shape[1]))


def test_resamples_draw_as_many_images_as_there_are_with_replacement():
    weights = np.concatenate(list(resamples(37)))
    assert weights.shape[1] == 37
    assert np.all(weights.sum(axis=1) == 37)
    assert weights.var(axis=0).mean() == pytest.approx(1 - 1 / 37, rel=0.05)  # of a multinomial
    assert np.array_equal(weights, np.concatenate(list(resamples(37))))


def test_one_seed_s_interval_is_that_of_a_mean_over_images():
    hits = np.random.default_rng(0).random((1, 400)) < 0.7
    found = estimated(ratio(hits), 400)
    error = hits.std() / math.sqrt(400)
    assert found.value == hits.mean()
    assert found.covers == "images"
    assert (found.high - found.low) / 2 == pytest.approx(quantile(0.975, 399) * error, rel=0.05)


def test_seeds_add_their_own_spread():
    random = np.random.default_rng(1)
    rates = np.array([0.4, 0.6, 0.8])
    hits = random.random((3, 300)) < rates[:, None]
    found = estimated(ratio(hits), 300)
    by_seed = quantile(0.975, 2) * hits.mean(axis=1).std(ddof=1) / math.sqrt(3)
    assert found.covers == "images and seeds"
    assert (found.high - found.low) / 2 > by_seed
    assert found.value == pytest.approx(hits.mean())


def test_a_paired_difference_is_narrower_than_its_sides():
    random = np.random.default_rng(2)
    hard = random.random(500)
    a = np.stack([hard < 0.6 + 0.01 * k for k in range(3)])
    b = np.stack([hard < 0.65 + 0.01 * k for k in range(3)])
    own, difference = estimated(ratio(a), 500), estimated(Less(ratio(b), ratio(a)), 500)
    assert difference.value == pytest.approx(b.mean() - a.mean())
    assert difference.high - difference.low < (own.high - own.low) / 2


def test_images_with_several_samples_are_drawn_whole():
    """Ten copies of every sample in its image say no more than one."""
    hits = np.random.default_rng(3).random((2, 80)) < 0.5
    once = Ratio(hits.astype(float), np.ones(80))
    tenfold = Ratio(hits * 10.0, np.full(80, 10.0))
    assert estimated(once, 80) == estimated(tenfold, 80)


def test_what_resampling_cannot_vary_has_no_interval():
    found = estimated(ratio(np.ones((3, 20))), 20)
    assert (found.value, found.low, found.covers) == (1.0, None, "nothing")
    assert "every resample" in found.no_interval
    assert "one scored image" in estimated(ratio([[1], [0]]), 1).no_interval


def test_every_pair_of_a_share_is_compared_and_p_is_adjusted_for_all():
    random = np.random.default_rng(4)
    table = [
        (name, share, ratio(random.random((3, 200)) < rate))
        for share in (0.5, 1.0)
        for name, rate in (("a", 0.2), ("b", 0.9), ("c", 0.21))
    ]
    pairs = compared(table, 200)
    assert [(pair.a, pair.b, pair.data_fraction) for pair in pairs] == [
        (a, b, share) for share in (0.5, 1.0) for a, b in (("a", "b"), ("a", "c"), ("b", "c"))
    ]
    assert [pair.shown for pair in pairs] == [True, False, True] * 2
    assert pairs[0].difference.value > 0 > pairs[2].difference.value


def test_several_tables_are_compared_as_one_and_p_is_adjusted_over_all():
    random = np.random.default_rng(6)
    tables = {
        name: [(source, 1.0, ratio(random.random((3, 150)) < rate)) for source, rate in (("a", 0.4), ("b", other))]
        for name, other in (("near", 0.5), ("far", 0.9), ("same", 0.4))
    }
    together = compared_by(tables, 150)
    alone = {name: compared(table, 150) for name, table in tables.items()}
    plain = [alone[name][0].p for name in tables]
    expected = holm(plain).tolist()
    assert [pairs[0].p for pairs in together.values()] == expected
    assert expected != plain
    assert [pairs[0].difference for pairs in together.values()] == [alone[name][0].difference for name in tables]


def test_a_number_is_tested_against_0_over_images():
    values = np.random.default_rng(7).normal(0.1, 1, (1, 400))
    found, p = against_zero(Ratio(values, np.ones(400)), 400)
    t = values.mean() / (values.std() / math.sqrt(400))
    assert p == pytest.approx(two_sided_p(t, 399), abs=0.02)
    assert (found.low > 0 or found.high < 0) == (p < 0.05)
    assert against_zero(ratio([[1], [0]]), 1)[1] is None


@pytest.mark.parametrize("effect", [0.05, 0.5, 5.0, 1e6])
@pytest.mark.parametrize("noise", [0.0, 1e-17, 1e-3])
def test_a_difference_beyond_all_doubt_has_a_p(effect, noise):
    """Seeds that are equal but for rounding, and a difference of many standard errors: p is small, and a number."""
    found = Estimate(effect, (Spread(noise, 2), Spread(0.01, 300)))
    p = found.p_value()
    assert 0 <= p < 1e-3 if noise < 1e-4 else p < 0.05
    assert (p <= 0.05) == (found.interval()[0] > 0)


def test_one_seed_makes_no_claim():
    table = [("a", 1.0, ratio(np.zeros((1, 50)))), ("b", 1.0, ratio(np.eye(2)[[0] * 25 + [1] * 25].T[:1]))]
    (pair,) = compared(table, 50)
    assert pair.p < 0.05
    assert pair.shown is None


@pytest.mark.slow
def test_intervals_hold_what_is_true_as_often_as_they_say():
    """Seeds differ and images differ: 95 % intervals of a paired difference of 0, over 400 simulated studies."""
    random = np.random.default_rng(5)
    held = 0
    for _ in range(400):
        hard = random.normal(size=120)
        sides = [random.normal(size=(3, 1)) * 0.3 + hard + random.normal(size=(3, 120)) > 0 for _ in range(2)]
        found = estimated(Less(ratio(sides[1]), ratio(sides[0])), 120)
        held += found.low <= 0 <= found.high
    assert held / 400 >= 0.93
