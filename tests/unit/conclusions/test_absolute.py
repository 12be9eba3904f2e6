"""A model's own mAP: clipped to what an AP can be, and what few images add to it; and warnings about both."""

import numpy as np
import pytest

from bench_freeze.conclusions.figures import Sample, figure
from bench_freeze.conclusions.limits import about_long_tail, about_outlying
from bench_freeze.evaluate import evaluate
from bench_freeze.evaluate.bootstrap import excess_of_few_images, resampled_ap, whole_ap
from bench_freeze.evaluate.variation import images_of_classes
from bench_freeze.results.study_statistics import Interval, OutlyingTraining
from bench_freeze.stats.permutation import image_swaps, swap_error, swapped_differences
from tests.workloads import make_workload


def drawn(value, spread, seed=0):
    return value + spread * np.random.default_rng(seed).standard_normal(400)


def absolute(value, spread, seed=0, **changes):
    return Sample(value, drawn(value, spread, seed), 40, 40, is_absolute=True, **changes)


def scored(**how):
    workload = make_workload(**how)
    return evaluate(workload.truth, workload.detections)


def test_an_absolute_interval_ends_at_0_and_1_and_a_difference_does_not():
    low, high = figure([absolute(0.03, 0.05)]), figure([absolute(0.97, 0.05)])
    assert (low.interval.low, low.images.low, high.interval.high) == (0, 0, 1)
    assert low.interval.high > 0.1
    assert figure([absolute(0.03, 0.05) - absolute(0.02, 0.05, seed=1)]).interval.low < 0
    assert figure([absolute(value, 0.01) for value in (0.9, 0.99, 0.999)]).seeds.high == 1


def test_what_few_images_add_is_taken_off_an_absolute_number_alone():
    two = [absolute(0.5, 0.02, excess=0.02), absolute(0.6, 0.02, seed=1, excess=0.04)]
    assert figure(two).bias_corrected == pytest.approx(0.52)
    assert figure([absolute(0.01, 0.02, excess=0.03)]).bias_corrected == 0
    assert figure([two[0] - two[1]]).bias_corrected is None
    assert figure([absolute(0.5, 0.02)]).bias_corrected is None


def test_the_larger_error_of_a_difference_counts():
    difference = absolute(0.5, 0.02) - absolute(0.4, 0.02, seed=2)
    plain, wider = figure([difference]), figure([difference], 1.0)
    assert wider.image_error == 1.0
    assert wider.interval.low < plain.interval.low
    assert figure([difference], 1e-6) == plain


def test_the_excess_is_the_mean_over_halves_minus_the_whole():
    result = scored(images=30, classes=4, truth_rows=80, rows=300, seed=4)
    found = excess_of_few_images(result, 3, 1, halves=20)
    halves = np.random.default_rng(3).random((20, 30)).argsort(axis=1) < 15
    one_by_one = [resampled_ap(1, result, 0, 1, weights=half[None].astype(np.int32))[0] for half in halves]
    assert np.allclose(found, np.nanmean(one_by_one, axis=0) - whole_ap(result)[0], equal_nan=True)
    assert found.shape == (4, 10)


def test_the_error_of_swaps_is_that_of_fair_coins():
    """Of a difference that is a sum over images, it is the root of the sum of squares, less what the mean has in it."""
    parts = np.random.default_rng(5).normal(0, 0.01, 12)
    differences = np.where(image_swaps(12, 5000, 0), -parts, parts).sum(axis=1)
    assert swap_error(differences, 12) == pytest.approx(np.sqrt((parts**2).sum() - parts.sum() ** 2 / 12))
    result = scored(images=20, classes=2, truth_rows=60, rows=200, seed=6)
    assert swap_error(swapped_differences([(result, result)], image_swaps(20, 50, 0))[0], 20) == 0


def test_a_long_tail_is_warned_of_and_an_outlying_training_named():
    rare = scored(images=30, classes=40, truth_rows=60, rows=100, seed=7)
    few = sum(0 < n < 5 for n in images_of_classes(rare.truth))
    (sentence,) = about_long_tail("base", rare)
    assert sentence.startswith(f"{few} of the base set's")
    common = scored(images=30, classes=2, truth_rows=60, rows=100, seed=7)
    assert about_long_tail("base", common) == about_long_tail("base", None) == []
    ends = Interval(low=0.5, high=0.54)
    (text,) = about_outlying(
        [OutlyingTraining(arm="freeze 10", seed=2, value=0.31, others=0.52, interval_of_others=ends)]
    )
    assert "Seed 2 of freeze 10" in text
    assert "0.310" in text
