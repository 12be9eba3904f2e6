"""Measures of two feature spaces: against direct formulas and scikit-learn's own calls."""

import numpy as np
import pytest

from bench_freeze.analysis.numbers.distance_correlation import distance_correlation
from bench_freeze.analysis.numbers.neighbours import agreement_by_sample, nearest, neighbour_agreement
from bench_freeze.transfer.clusters import clustered, embedded, purity, standardised, tsne


def spaces(seed, n=40):
    random = np.random.default_rng(seed)
    a = random.normal(size=(n, 6))
    return a, a[:, :3] * 2 + random.normal(size=(n, 3)) * 0.7


def slow_distance_correlation(x, y):
    n = len(x)

    def centred(rows):
        d = np.array([[np.linalg.norm(p - q) for q in rows] for p in rows])
        out = np.zeros((n, n))
        for i in range(n):
            for j in range(n):
                if i != j:
                    out[i, j] = d[i, j] - d[i].sum() / (n - 2) - d[:, j].sum() / (n - 2) + d.sum() / ((n - 1) * (n - 2))
        return out

    a, b = centred(x), centred(y)
    inner = [(p * q).sum() / (n * (n - 3)) for p, q in ((a, b), (a, a), (b, b))]
    return inner[0] / np.sqrt(inner[1] * inner[2])


@pytest.mark.parametrize("seed", range(4))
def test_distance_correlation_is_the_direct_formula(seed):
    a, b = spaces(seed)
    assert distance_correlation(a, b) == pytest.approx(slow_distance_correlation(a, b), rel=1e-9)
    assert distance_correlation(b, a) == pytest.approx(distance_correlation(a, b))


def test_distance_correlation_knows_what_is_alike_and_what_is_not():
    random = np.random.default_rng(0)
    a = random.normal(size=(60, 8))
    rotation = np.linalg.qr(random.normal(size=(8, 8)))[0]
    assert distance_correlation(a, a @ rotation * 3 + 5) == pytest.approx(1)
    unrelated = [distance_correlation(random.normal(size=(60, 300)), random.normal(size=(60, 300))) for _ in range(30)]
    assert abs(np.mean(unrelated)) < 0.02  # the plain one is near 1 there
    circle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    bent = distance_correlation(np.cos(circle)[:, None], np.cos(2 * circle)[:, None])
    assert bent > 0.1  # a dependence that no correlation sees
    assert distance_correlation(a, np.ones((60, 2))) is None
    assert distance_correlation(a[:3], a[:3]) is None


@pytest.mark.parametrize("seed", range(3))
def test_agreement_of_samples_has_the_agreement_as_its_mean(seed):
    a, b = spaces(seed)
    whole, parts = neighbour_agreement(a, b, 7), agreement_by_sample(a, b, 7)
    assert (parts.overlap.mean(), parts.a_in_b.mean(), parts.b_in_a.mean()) == pytest.approx(
        (whole.overlap, whole.a_in_b, whole.b_in_a)
    )
    assert agreement_by_sample(a[:4], b[:4]) is None
    same = agreement_by_sample(a, a)
    assert (same.overlap == 1).all()
    assert (same.a_in_b == 1).all()


def test_alike_in_a_coarse_space_does_not_follow_from_a_fine_one_s_converse():
    """b keeps only a part of what a tells apart: what is alike in a is alike in b, more than the other way round."""
    random = np.random.default_rng(5)
    a = random.normal(size=(150, 4))
    b = a[:, :2]
    found = agreement_by_sample(a, b)
    assert found.a_in_b.mean() > found.b_in_a.mean()


def test_purity_by_hand():
    assert purity(np.array([0, 0, 0, 1, 1, 2]), np.array([5, 5, 3, 3, 3, 3])) == pytest.approx(5 / 6)
    assert purity(np.arange(4), np.array([0, 0, 1, 1])) == 1


def test_clusters_and_maps_are_scikit_learn_s_own():
    cluster = pytest.importorskip("sklearn.cluster")
    metrics = pytest.importorskip("sklearn.metrics")
    manifold = pytest.importorskip("sklearn.manifold")
    random = np.random.default_rng(2)
    labels = np.repeat([0, 1, 2], 12)
    features = (random.normal(size=(3, 5)) * 2)[labels] + random.normal(size=(36, 5))
    rows = (features - features.mean(axis=0)) / features.std(axis=0)
    assert np.allclose(standardised(features), rows)
    found = clustered("a", features, labels, (0, 4))
    for k, seed in enumerate((0, 4)):
        own = cluster.KMeans(3, n_init=10, random_state=seed).fit_predict(rows)
        assert found.nmi[k] == pytest.approx(metrics.normalized_mutual_info_score(labels, own))
    peer = manifold.TSNE(2, perplexity=35 / 3, init="random", random_state=7).fit_transform(rows)
    assert np.array_equal(tsne(features, 7), peer)


def test_maps_of_two_seeds_differ_and_it_is_said():
    pytest.importorskip("sklearn")
    features = np.random.default_rng(3).normal(size=(30, 6))
    found = embedded("a", features, (0, 1))
    assert found.points[0] != found.points[1]
    assert 0 < found.between_seeds < 1
    assert embedded("a", features, (0,)).between_seeds is None


def test_the_nearest_are_those_of_the_highest_cosine():
    features = np.random.default_rng(9).normal(size=(30, 4))
    found = nearest(features, [3, 17], 5)
    for row, own in zip((3, 17), found, strict=True):
        cosine = [
            -np.inf if k == row else a @ features[row] / np.linalg.norm(a) / np.linalg.norm(features[row])
            for k, a in enumerate(features)
        ]
        assert own.tolist() == np.argsort(cosine)[::-1][:5].tolist()
