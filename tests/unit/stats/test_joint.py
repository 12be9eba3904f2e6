"""Estimates that move together: their covariance from pairs, draws of it, and the spread that chance explains."""

import numpy as np
import pytest

from bench_freeze.stats.joint import Joint, covariance_of_pairs, seed_factor


def a_covariance(n, seed=0):
    factor = np.random.default_rng(seed).normal(0, 0.02, (n, n)) + 0.03
    return factor @ factor.T


@pytest.mark.parametrize("n", [1, 2, 5])
def test_pairs_give_the_covariance_back(n):
    covariance = a_covariance(n)
    variances = np.diag(covariance)
    pairs = {(i, j): variances[i] + variances[j] - 2 * covariance[i, j] for i in range(n) for j in range(i)}
    assert covariance_of_pairs(variances, pairs) == pytest.approx(covariance, rel=1e-9)


def test_a_pair_that_was_not_compared_goes_by_those_that_were():
    """A and B differ little, B and C too: A and C hardly move apart. Nothing is known of D."""
    found = covariance_of_pairs([1, 1, 1, 1], {(0, 1): 0.2, (1, 2): 0.4})
    assert found[0, 1] == pytest.approx(0.9)
    assert found[0, 2] == pytest.approx(0.72)
    assert found[3, :3] == pytest.approx(0, abs=1e-12)
    assert np.linalg.eigvalsh(found).min() >= -1e-12


def test_a_covariance_that_cannot_be_becomes_one_that_can():
    """Rounded and of other resamples: A equals B, B equals C, and A and C move against each other."""
    found = covariance_of_pairs([1, 1, 1], {(0, 1): 0.0, (1, 2): 0.0, (0, 2): 4.0})
    assert np.linalg.eigvalsh(found).min() >= -1e-12
    assert np.all(np.isfinite(found))
    assert covariance_of_pairs([0, 1], {(0, 1): 1.0})[0].tolist() == [0, 0]


def test_rows_of_the_seed_factor_are_students_variances():
    per_seed = [{0: 0.5, 1: 0.6, 2: 0.4}, {0: 0.5, 2: 0.52}, {7: 0.3}]
    factor = seed_factor(per_seed)
    variances = np.sum(factor**2, axis=1)
    assert variances[0] == pytest.approx(np.var([0.5, 0.6, 0.4], ddof=1) / 3)
    assert variances[1] == pytest.approx(np.var([0.5, 0.52], ddof=1) / 2)
    # One seed: as spread as the others are, by itself.
    others = [np.var([0.5, 0.6, 0.4], ddof=1), np.var([0.5, 0.52], ddof=1)]
    assert variances[2] == pytest.approx(np.mean(others))
    assert (factor[2] @ factor[:2].T).tolist() == [0, 0]
    assert seed_factor([{0: 0.5}, {0: 0.6}]) is None


def test_arms_whose_seeds_rise_and_fall_together_do_so_in_the_draws():
    together = [{0: 0.5, 1: 0.6, 2: 0.4}, {0: 0.6, 1: 0.7, 2: 0.5}]
    joint = Joint(np.array([0.5, 0.6]), None, 1.0, seed_factor(together), 2.0)
    drawn = joint.errors()
    assert drawn[:, 0] == pytest.approx(drawn[:, 1])


@pytest.mark.parametrize("sources", ["images", "seeds", "both"])
def test_draws_have_the_covariance(sources):
    images = None if sources == "seeds" else a_covariance(3)
    seeds = None if sources == "images" else seed_factor([{0: 0.5, 1: 0.6}, {0: 0.5, 1: 0.52}, {0: 0.4, 1: 0.2}])
    joint = Joint(np.array([0.4, 0.5, 0.6]), images, 50.0, seeds, 1.0)
    drawn = joint.errors(200_000)
    scale = np.sqrt(np.diag(joint.covariance))
    assert np.cov(drawn.T) / np.outer(scale, scale) == pytest.approx(
        joint.covariance / np.outer(scale, scale), abs=0.02
    )
    assert drawn.mean(axis=0) == pytest.approx(0, abs=1e-12)
    assert np.array_equal(joint.errors(), joint.errors())
    if sources == "images":
        wide = joint.errors(200_000, student=True)
        assert np.quantile(wide[:, 0], 0.975) / scale[0] == pytest.approx(2.009, abs=0.03)  # Student's t, 50 degrees


def test_what_chance_explains_is_taken_out_of_the_spread():
    """With chance added again, centres spread as the values do: in the mean, and not at all if chance explains it."""
    random = np.random.default_rng(0)
    noise = 0.02**2 * np.eye(6)
    spread = []
    for _ in range(400):
        true = 0.5 + 0.03 * random.standard_normal(6)
        centres = Joint(true + 0.02 * random.standard_normal(6), noise, 50.0, None, 1.0).centres()
        spread.append(np.var(centres, ddof=1))
    assert np.mean(spread) == pytest.approx(0.03**2, rel=0.1)
    assert np.ptp(Joint(np.array([0.5, 0.51, 0.49]), 0.02**2 * np.eye(3), 50.0, None, 1.0).centres()) == 0
    common = np.full((3, 3), 0.02**2)  # moves all alike, so it spreads nothing
    values = np.array([0.5, 0.51, 0.49])
    assert Joint(values, common, 50.0, None, 1.0).centres() == pytest.approx(values)
    assert Joint(np.array([0.5]), noise[:1, :1], 50.0, None, 1.0).centres().tolist() == [0.5]
