"""Measures of features: against direct formulas, and where the right answer is known beforehand."""

import numpy as np
import pytest

from bench_freeze.analysis.cka import LinearCka
from bench_freeze.analysis.shift import ShiftSum


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
