"""The statistics of a study: against known cases, by enumeration, and by simulation."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

from bench_freeze.errors import InputError
from bench_freeze.evaluate import evaluate
from bench_freeze.evaluate.bootstrap import resampled_ap, whole_ap
from bench_freeze.stats.equivalence import detectable_difference, images_needed, two_one_sided_tests
from bench_freeze.stats.estimate import Estimate, Spread, over_both, over_images, over_seeds
from bench_freeze.stats.multiple import holm
from bench_freeze.stats.pareto import pareto_front
from bench_freeze.stats.permutation import image_swaps, p_value, sign_flip_p, swapped_differences
from bench_freeze.stats.student import quantile, two_sided_p
from tests.workloads import make_workload


@pytest.mark.parametrize(
    ("probability", "degrees", "expected"),
    # printed tables of Student's t
    [(0.975, 1, 12.7062), (0.975, 2, 4.30265), (0.95, 2, 2.91999), (0.975, 4, 2.77645), (0.995, 10, 3.16927),
     (0.8, 2, 1.06066), (0.975, 205, 1.97160), (0.975, math.inf, 1.95996), (0.025, 2, -4.30265)],
)  # fmt: skip
def test_quantiles_are_those_of_the_tables(probability, degrees, expected):
    assert quantile(probability, degrees) == pytest.approx(expected, abs=1.5e-5)


@pytest.mark.parametrize(
    ("tail", "df", "t"),
    [(0.025, 1, 12.7062), (0.05, 3, 2.3534), (0.025, 10, 2.2281), (0.001, 5, 5.8934), (0.005, 200, 2.6006)],
)
def test_tails_are_those_of_students_table(tail, df, t):
    assert quantile(1 - tail, df) == pytest.approx(t, abs=1e-4)
    assert two_sided_p(t, df) / 2 == pytest.approx(tail, rel=1e-4)
    assert two_sided_p(-t, df) / 2 == pytest.approx(tail, rel=1e-4)


def test_the_tails_end():
    assert two_sided_p(math.inf, 3) == 0
    assert two_sided_p(-math.inf, 3) == 0
    assert quantile(0.975, 1e6) == pytest.approx(1.959966, abs=1e-5)


@pytest.mark.parametrize("degrees", [1.0, 2.0, 3.7, 55.0, 1e5, 1e8])
def test_quantile_and_p_are_inverse(degrees):
    for probability in (0.6, 0.9, 0.975, 0.9999):
        assert two_sided_p(quantile(probability, degrees), degrees) == pytest.approx(2 * (1 - probability), rel=1e-9)
    assert quantile(0.5, degrees) == pytest.approx(0, abs=1e-12)
    assert two_sided_p(0.0, degrees) == 1


def test_closed_forms_of_one_and_two_degrees():
    for t in (0.1, 1.0, 3.0, 40.0):
        assert two_sided_p(t, 1) == pytest.approx(1 - 2 * math.atan(t) / math.pi, rel=1e-12)
        assert two_sided_p(-t, 2) == pytest.approx(1 - t / math.sqrt(2 + t * t), rel=1e-10)


def test_three_seeds_by_hand():
    found = over_seeds([0.40, 0.50, 0.45])
    low, high = found.interval()
    assert found.value == pytest.approx(0.45)
    assert high - found.value == pytest.approx(4.30265 * 0.05 / math.sqrt(3), rel=1e-5)
    assert found.value - low == pytest.approx(high - found.value)
    assert found.p_value() == pytest.approx(two_sided_p(0.45 / (0.05 / math.sqrt(3)), 2))


def test_student_covers_over_three_seeds_what_a_bootstrap_does_not():
    random = np.random.default_rng(0)
    values = random.normal(0, 1, (2000, 3))
    covers = np.mean([low <= 0 <= high for low, high in (over_seeds(v).interval() for v in values)])
    assert covers == pytest.approx(0.95, abs=0.015)
    drawn = np.take_along_axis(values[:, None], random.integers(0, 3, (2000, 200, 3)), axis=2).mean(axis=2)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=1)
    assert np.mean((low <= 0) & (high >= 0)) == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize("seed_sd", [0.0, 0.5, 2.0, 20.0])
@pytest.mark.parametrize("seeds", [2, 3])
def test_intervals_over_trainings_and_images_cover(seed_sd, seeds):
    """Every seed is scored on the same images, whose chance is known by 50 degrees of freedom."""
    random = np.random.default_rng(1)
    covered = []
    for _ in range(1500):
        values = random.normal(0, 1) + random.normal(0, seed_sd, seeds)
        images = Estimate(0.0, (Spread(math.sqrt(random.chisquare(50) / 50), 50),))
        low, high = over_both(over_seeds(values), images).interval()
        covered.append(low <= 0 <= high)
    assert 0.94 <= np.mean(covered) <= 0.995


def test_both_is_never_narrower_than_either_and_p_is_its_inverse():
    seeds, images = over_seeds([0.02, 0.05, 0.03]), Estimate(0.0, (Spread(0.008, 54),))
    both = over_both(seeds, images)
    assert both.half_width(0.95) > max(seeds.half_width(0.95), images.half_width(0.95))
    p = both.p_value()
    assert both.half_width(1 - p) == pytest.approx(abs(both.value), rel=1e-9)
    assert p > seeds.p_value()


def test_no_spread_is_certain():
    drawn = np.zeros(50)
    assert over_images(0.0, drawn, 20).p_value() == 1
    assert over_images(0.1, drawn, 20).p_value() == 0
    assert over_images(0.1, drawn, 20).interval() == (0.1, 0.1)
    assert over_images(0.1, np.array([np.nan, 0.0, 0.2]), 20).spreads[0].standard_error == pytest.approx(0.2 / 2**0.5)


def test_holm_by_hand():
    # sorted: 0.005 * 4, 0.01 * 3, 0.03 * 2, 0.04 * 1 -> 0.06, which is not below its predecessor
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert holm([0.2]) == pytest.approx([0.2])
    assert len(holm([])) == 0


def test_holm_keeps_the_familywise_error():
    p = np.random.default_rng(2).random((4000, 5))
    assert np.mean([holm(row).min() <= 0.05 for row in p]) == pytest.approx(0.05, abs=0.01)


def test_equivalence_in_words():
    def outcome(value, error, margin=0.005):
        return two_one_sided_tests(Estimate(value, (Spread(error, math.inf),)), margin)

    assert outcome(0.0, 0.001) == "equivalent"
    assert outcome(0.002, 0.0005) == "equivalent"  # not 0, and small
    assert outcome(0.002, 0.01) == "not shown"  # not significant is not equivalent
    assert outcome(-0.02, 0.005) == "different"
    assert outcome(0.0, 0.0) == "equivalent"
    assert outcome(0.005, 0.0) == "different"  # the margin itself is outside


def test_equivalence_errs_in_five_percent_at_the_margin():
    """A true difference of just the margin is called equivalent at most at the rate alpha, over three seeds too."""
    random = np.random.default_rng(3)
    for degrees in (2, 200):
        wrong = 0
        for _ in range(4000):
            error = 0.1 * math.sqrt(random.chisquare(degrees) / degrees)
            found = Estimate(random.normal(1.0, 0.1), (Spread(error, degrees),))
            wrong += two_one_sided_tests(found, 1.0) == "equivalent"
        assert wrong / 4000 == pytest.approx(0.05, abs=0.011)


@pytest.mark.parametrize("degrees", [2, 8, 200])
def test_the_detectable_difference_is_found_in_four_of_five(degrees):
    random = np.random.default_rng(4)
    difference = detectable_difference([Spread(1.0, degrees)])
    t = (random.normal(difference, 1, 20_000)) / np.sqrt(random.chisquare(degrees, 20_000) / degrees)
    assert np.mean(np.abs(t) > quantile(0.975, degrees)) == pytest.approx(0.77 if degrees == 2 else 0.8, abs=0.02)


def test_the_images_needed_show_equivalence_in_four_of_five():
    needed = images_needed(0.02, 206, 0.005)
    error = 0.02 * math.sqrt(206 / needed)
    values = np.random.default_rng(5).normal(0, error, 4000)
    shown = [two_one_sided_tests(Estimate(v, (Spread(error, math.inf),)), 0.005) == "equivalent" for v in values]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.02)
    # STUDY's rule of thumb: 0.034 points of standard error on 5,000 images is what a margin of 0.1 points needs
    assert images_needed(0.00034, 5000, 0.001) == pytest.approx(5000, rel=0.02)


def test_the_pareto_front():
    points = [(0.5, 0.3, -9), (0.5, 0.3, -9), (0.4, 0.3, -9), (0.6, 0.1, -9), (0.4, 0.3, -8)]
    advantages = [lambda a, b, k=k: a[k] - b[k] for k in range(3)]
    assert pareto_front(points, advantages) == [points[k] for k in (0, 1, 3, 4)]
    assert pareto_front([], advantages) == []


def test_sign_flips_reach_their_floor():
    assert sign_flip_p([0.1, 0.2, 0.15]) == 0.25
    assert sign_flip_p([0.1] * 6) == 2 / 64
    assert sign_flip_p([0.1, -0.1]) == 1


@pytest.fixture(scope="module")
def pair():
    """Two models on 5 images, with ties of scores between images and crowds."""
    workload = make_workload(images=5, classes=3, truth_rows=30, rows=120, seed=11, score_levels=9, crowd_share=0.2)
    found = workload.detections
    shifted = dataclasses.replace(found, boxes_xywh=found.boxes_xywh * 1.03, scores=found.scores[::-1].copy())
    return workload.truth, found, shifted


def swapped_table(a, b, images):
    """Table of A with the results of B on some images."""
    rows_a, rows_b = (~np.isin(a.image_index, images), np.isin(b.image_index, images))
    columns = ("image_index", "labels", "boxes_xywh", "scores")
    joined = {name: np.concatenate([getattr(a, name)[rows_a], getattr(b, name)[rows_b]]) for name in columns}
    order = np.argsort(joined["image_index"], kind="stable")
    return dataclasses.replace(a, **{name: column[order] for name, column in joined.items()})


def test_swaps_are_evaluations_of_swapped_results_and_p_is_exact(pair):
    truth, a, b = pair
    swaps = image_swaps(5, 200, seed=0)
    assert len(swaps) == 2**5
    assert not swaps[0].any()
    results = evaluate(truth, a), evaluate(truth, b)
    found = swapped_differences([results], swaps, (None, 0.5))
    expected = []
    for choice in itertools.product([False, True], repeat=5):
        images = np.flatnonzero(choice)
        one, two = evaluate(truth, swapped_table(a, b, images)), evaluate(truth, swapped_table(b, a, images))
        expected.append((two.ap() - one.ap(), two.ap50() - one.ap50()))
    np.testing.assert_allclose(found.T, expected, atol=1e-12)
    ap = np.array(expected)[:, 0]
    assert p_value(found[0]) == np.mean(np.abs(ap) >= abs(ap[0]) - 1e-12)
    # Of two seeds the mean, swapped together.
    twice = swapped_differences([results, results[::-1]], swaps)
    np.testing.assert_allclose(twice, 0, atol=1e-12)


def test_drawn_swaps_begin_with_what_was_seen(pair):
    truth, a, _ = pair
    swaps = image_swaps(5, 20, seed=3)
    assert swaps.shape == (20, 5)
    assert not swaps[0].any()
    same = evaluate(truth, a)
    assert p_value(swapped_differences([(same, same)], swaps)[0]) == 1
    other = make_workload(images=5, classes=3, truth_rows=20, rows=50, seed=12)
    stranger = evaluate(other.truth, other.detections)
    with pytest.raises(InputError, match="different ground truth"):
        swapped_differences([(same, stranger)], swaps)


def test_weights_count_images(pair):
    truth, a, _ = pair
    result = evaluate(truth, a)
    whole = whole_ap(result)
    assert np.nanmean(whole) == pytest.approx(result.ap(), abs=1e-12)
    drawn = resampled_ap(3, result, 5, 1)
    assert drawn.shape == (3, *whole.shape[1:])
    np.testing.assert_array_equal(resampled_ap(1, result, 0, 1, weights=np.full((1, 5), 2, np.int32)) > 0, whole > 0)
    nothing = resampled_ap(2, result, 0, 1, weights=np.array([[0] * 5, [1] * 5], np.int32))
    assert np.isnan(nothing[0]).all()
    np.testing.assert_array_equal(nothing[1], whole[0])
    for weights, message in (
        (np.ones((1, 4)), "weights is"),
        (-np.ones((1, 5)), "weights: -1.0 in row 0"),
        (np.full((1, 5), 0.9), "weights: 0.9"),
        (np.full((1, 5), 2**32 + 1), "weights: 4294967297"),
        (np.ones(5), "weights is"),
    ):
        with pytest.raises(InputError, match=message):
            resampled_ap(1, result, 0, 1, weights=weights)
