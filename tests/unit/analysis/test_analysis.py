"""Measures of features: against direct formulas, and where the right answer is known beforehand."""

import numpy as np
import pytest

from bench_freeze.analysis.numbers.cka import LinearCka
from bench_freeze.analysis.numbers.energy import coverage, energy_map, share_inside
from bench_freeze.analysis.numbers.neighbours import neighbour_agreement
from bench_freeze.analysis.numbers.probe import linear_probe
from bench_freeze.analysis.numbers.shift import ShiftSum


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def cka(x, y, cut=None):
    measure = LinearCka()
    for start in range(0, len(x), cut or len(x)):
        rows = slice(start, start + (cut or len(x)))
        measure.add(x[rows], y[rows])
    return measure.value()


def direct_cka(x, y):
    """From the kernel matrices, as Song et al. write it."""

    def hsic(a, b):
        n = len(a)
        k, l = a @ a.T, b @ b.T  # noqa: E741
        np.fill_diagonal(k, 0)
        np.fill_diagonal(l, 0)
        return (np.trace(k @ l) + k.sum() * l.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (k.sum(0) @ l.sum(1))) / (
            n * (n - 3)
        )

    return hsic(x, y) / np.sqrt(hsic(x, x) * hsic(y, y))


def related(rng, n=60, p=8, q=5):
    x = rng.normal(size=(n, p)) * rng.uniform(0.1, 3, p) + 40  # far from the origin, as features after SiLU are not
    return x, x[:, :q] * 2 + rng.normal(size=(n, q))


def test_streamed_cka_is_the_direct_formula_however_it_was_cut(rng):
    x, y = related(rng)
    wanted = direct_cka(x - x.mean(0), y - y.mean(0))
    assert 0.1 < wanted < 0.99
    for cut in (None, 1, 7, 59):
        assert cka(x, y, cut) == pytest.approx(wanted, rel=1e-10)
    assert direct_cka(x, y) == pytest.approx(wanted, rel=1e-4)  # the estimator itself does not depend on the origin


def test_cka_does_not_depend_on_rotation_scale_and_origin(rng):
    x, y = related(rng)
    rotation = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    assert cka(x @ rotation * 0.3 - 5, y) == pytest.approx(cka(x, y), rel=1e-9)
    assert cka(x @ rotation * 0.3 - 5, x) == pytest.approx(1, rel=1e-9)
    stretched = x * np.r_[20.0, np.ones(7)]  # no rotation: another geometry
    assert cka(stretched, x) < 0.9


def test_cka_of_unrelated_features_is_near_zero_with_more_features_than_samples(rng):
    values = [cka(rng.normal(size=(40, 200)), rng.normal(size=(40, 200))) for _ in range(20)]
    assert abs(np.mean(values)) < 0.02  # the plain estimate would say 0.8 here


def test_identical_features_give_exactly_one(rng):
    x = rng.normal(size=(50, 7)).astype(np.float32)
    assert cka(x, x.copy(), cut=8) == 1.0
    assert cka(x, x * np.float32(1 + 1e-4)) != 1.0 or not np.array_equal(x, x * np.float32(1 + 1e-4))


def test_cka_without_variation_is_undefined():
    assert cka(np.ones((10, 3)), np.ones((10, 3))) is None
    assert cka(np.eye(3), np.eye(3)) is None  # too few samples


def test_shift_is_of_one_long_vector(rng):
    a, b = rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    total = ShiftSum()
    for own, theirs in zip(a, b, strict=True):
        total.add(own, theirs)
    shift = total.shift()
    assert shift.cosine == pytest.approx(np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b))
    assert shift.relative_l2 == pytest.approx(np.linalg.norm(b - a) / np.linalg.norm(a))


def test_shift_of_equal_and_of_empty_arrays(rng):
    a = rng.normal(size=9).astype(np.float32)
    total = ShiftSum()
    total.add(a, a.copy())
    assert (total.shift().cosine, total.shift().relative_l2) == (1.0, 0.0)
    total.add(np.zeros(3), np.r_[0, 0, 1e-30])
    assert not total.is_identical
    from_nothing = ShiftSum()
    from_nothing.add(np.zeros(3), np.ones(3))
    assert (from_nothing.shift().cosine, from_nothing.shift().relative_l2) == (None, None)


def test_identical_and_rotated_features_have_the_same_neighbours(rng):
    x = rng.normal(size=(40, 6))
    for y in (x, 3 * x @ np.linalg.qr(rng.normal(size=(6, 6)))[0]):
        agreement = neighbour_agreement(x, y, k=5)
        assert (agreement.k, agreement.overlap, agreement.a_in_b, agreement.b_in_a) == (5, 1, 1, 1)


def test_unrelated_features_agree_by_chance(rng):
    found = [neighbour_agreement(rng.normal(size=(100, 8)), rng.normal(size=(100, 8))) for _ in range(10)]
    assert np.mean([f.overlap for f in found]) == pytest.approx(10 / 99, abs=0.02)
    assert np.mean([f.a_in_b for f in found]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([f.b_in_a for f in found]) == pytest.approx(0.5, abs=0.03)


def test_the_direction_of_an_agreement_is_told_apart():
    """Ten far clusters of four; in b the clusters are merged in pairs: neighbours in a stay near, the reverse fails."""
    rng = np.random.default_rng(1)
    directions = np.linalg.qr(rng.normal(size=(10, 10)))[0]
    cluster = np.repeat(np.arange(10), 4)
    a = directions[cluster] + rng.normal(size=(40, 10)) * 0.01
    b = directions[cluster // 2] + rng.normal(size=(40, 10)) * 1e-5 + directions[cluster] * 1e-3
    merged = neighbour_agreement(a, b, k=7)
    assert merged.b_in_a != pytest.approx(merged.a_in_b, abs=1e-3)
    assert neighbour_agreement(b, a, k=7).a_in_b == merged.b_in_a
    assert neighbour_agreement(b, a, k=7).overlap == merged.overlap


def test_trustworthiness_of_a_worked_example():
    """Five points on a line by angle; b moves the first to the other end. Ranks by hand."""

    def on_circle(degrees):
        return np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)

    a, b = on_circle([0.0, 10, 21, 33, 46]), on_circle([60.0, 10, 21, 33, 46])
    # k = 2. Near in a: 0:{1,2} 1:{0,2} 2:{1,3} 3:{2,4} 4:{3,2}; in b: 0:{4,3} 1:{2,3} 2:{1,3} 3:{2,4} 4:{3,0}.
    agreement = neighbour_agreement(a, b, k=2)
    assert agreement.overlap == pytest.approx(6 / 10)
    # Lost from a: (0,1) has rank 4 in b, (0,2) rank 3, (1,0) rank 4, (4,2) rank 3: excesses 2, 1, 2, 1.
    assert agreement.a_in_b == pytest.approx(1 - 2 / (5 * 2 * (10 - 6 - 1)) * 6)
    # New in b: (0,4) has rank 4 in a, (0,3) rank 3, (1,3) rank 3, (4,0) rank 4.
    assert agreement.b_in_a == pytest.approx(1 - 2 / (5 * 2 * (10 - 6 - 1)) * 6)


def test_too_few_samples_have_no_neighbours(rng):
    assert neighbour_agreement(rng.normal(size=(4, 3)), rng.normal(size=(4, 3))) is None


def test_energy_inside_a_box_of_a_synthetic_map():
    features = np.zeros((2, 10, 10), np.float32)
    features[0, 2:4, 2:6] = 3  # 8 cells of energy 9 + 16
    features[1, 2:4, 2:6] = 4
    features[1, 8, 8] = 10  # one of energy 100
    energy = energy_map(features)
    assert energy.sum() == 8 * 25 + 100
    whole = np.array([0.0, 0, 1, 1])
    share, area = share_inside(energy, np.array([[0.2, 0.2, 0.6, 0.4]]), whole)
    assert share == pytest.approx(200 / 300)
    assert area == pytest.approx(0.08)
    twice = np.array([[0.2, 0.2, 0.6, 0.4], [0.2, 0.2, 0.4, 0.4]])  # a union, not a sum
    assert share_inside(energy, twice, whole) == (share, area)
    assert share_inside(energy, np.zeros((0, 4)), whole) == (None, None)
    assert share_inside(np.zeros((10, 10)), twice, whole)[0] is None


def test_bars_beside_the_image_count_for_nothing():
    energy = np.ones((8, 8))
    energy[:2] = energy[6:] = 50
    content = np.array([0, 0.25, 1, 0.75])
    share, area = share_inside(energy, np.array([[0.0, 0.25, 0.5, 0.75]]), content)
    assert (share, area) == (pytest.approx(0.5), pytest.approx(0.5))  # type: ignore[comparison-overlap]


def test_a_cell_is_covered_in_part():
    assert coverage(np.array([[0.0, 0, 0.25, 1]]), 1, 1)[0, 0] == 0.25
    assert coverage(np.zeros((0, 4)), 3, 5).shape == (3, 5)


@pytest.mark.slow
def test_probe_separates_what_is_separable_and_nothing_else(rng):
    centres = np.eye(3) * 6
    labels = rng.integers(0, 3, 240)
    features = centres[labels] + rng.normal(size=(240, 3))
    found = linear_probe(features[:160], labels[:160], features[160:], labels[160:])
    assert found.accuracy > 0.95
    assert found.balanced > 0.95
    noise = linear_probe(rng.normal(size=(160, 3)), labels[:160], rng.normal(size=(80, 3)), labels[160:])
    assert noise.accuracy < 0.6


def test_probe_meets_the_condition_of_its_minimum(rng):
    """The gradient of the penalised loss is zero: W = X' (one-hot - probabilities)."""
    from bench_freeze.analysis.numbers.probe import _fit

    rows, labels = rng.normal(size=(50, 4)), rng.integers(0, 3, 50)
    weights, bias = _fit(rows, labels, 3)
    scores = rows @ weights + bias
    probabilities = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    assert weights == pytest.approx(rows.T @ (np.eye(3)[labels] - probabilities), abs=1e-4)


def test_probe_counts_a_class_that_training_never_saw_as_missed(rng):
    features = np.r_[np.zeros((5, 2)), np.ones((5, 2))]
    found = linear_probe(features, np.repeat([0, 1], 5), np.array([[0.0, 0], [1, 1], [1, 1]]), np.array([0, 1, 2]))
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.balanced == pytest.approx(2 / 3)
