"""Outlying trainings: against the plain rule, and by their rates."""

import math

import numpy as np
import pytest

from bench_freeze.stats.outlying import outlying
from bench_freeze.stats.student import quantile


def first_by_definition(groups):
    """The farthest value of all and whether it is significant alone, by sums written out."""
    candidates = []
    for g, group in enumerate(groups):
        for i in range(len(group)):
            if len(group) < 3:
                continue
            rest = [[v for k, v in enumerate(other) if (j, k) != (g, i)] for j, other in enumerate(groups)]
            degrees = sum(len(part) - 1 for part in rest)
            pooled = sum(float(np.var(part)) * len(part) for part in rest) / degrees
            distance = abs(group[i] - np.mean(rest[g]))
            candidates.append((distance / math.sqrt(pooled * (1 + 1 / len(rest[g]))), distance, (g, i), degrees))
    t, distance, place, degrees = max(candidates)
    return place, t > quantile(1 - 0.01 / (2 * len(candidates)), degrees) and distance >= 0.01


@pytest.mark.parametrize("seed", range(30))
def test_one_removal_is_that_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    groups = [list(rng.normal(0.5, 0.01, int(n))) for n in rng.integers(2, 4, 2)]  # so few that one may go
    groups[0] = list(rng.normal(0.5, 0.01, 3))
    groups[0][1] -= float(rng.choice([0.0, 0.1, 0.5]))
    place, is_significant = first_by_definition(groups)
    assert outlying(groups) == ([place] if is_significant else [])


def test_false_ones_are_rare_and_one_that_went_wrong_is_found():
    rng = np.random.default_rng(1)
    false = found = 0
    for _ in range(200):
        groups = [rng.normal(mean, 0.006, 5).tolist() for mean in (0.5, 0.45, 0.55)]
        false += bool(outlying(groups))
        groups[1][2] -= 0.1
        found += (1, 2) in outlying(groups)
    assert false <= 8
    assert found >= 190


def test_one_hides_no_other():
    rng = np.random.default_rng(2)
    groups = [rng.normal(0.5, 0.005, 5).tolist() for _ in range(3)]
    groups[0][0] -= 0.2
    groups[2][4] -= 0.2
    assert outlying(groups) == [(0, 0), (2, 4)]


@pytest.mark.parametrize(
    "groups", [[], [[0.5]], [[0.5, 0.1]], [[0.5, 0.5, 0.5]], [[0.5], [0.4]], [[0.5, 0.505, 0.503]]]
)
def test_too_little_to_tell_and_nothing_to_tell(groups):
    assert outlying(groups) == []
