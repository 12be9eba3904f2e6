"""The linear probe equals scikit-learn's own call, chooses its penalty by the held-out part, and agrees with ours."""

import numpy as np
import pytest

from bench_freeze.transfer.probe import GRID, fit_probe
from bench_freeze.transfer.samples import held_out

sklearn = pytest.importorskip("sklearn")


def problem(seed, n=90, p=12, classes=4, noise=1.5):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    labels[:classes] = range(classes)
    centres = random.normal(size=(classes, p))
    rows = centres[labels] + random.normal(size=(n, p)) * noise
    return (rows * random.uniform(0.01, 50, p) + 100).astype(np.float32), labels


@pytest.mark.parametrize("seed", range(6))
def test_it_is_scikit_learn_s_own_call(seed):
    """Standardisation and the choice of C are written out here by hand, from the definition."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    features, labels = problem(seed)
    test, _ = problem(seed + 100)
    part = held_out(labels, 0.25, seed)
    found = fit_probe(features, labels, part)
    assert found.held_out == part.sum() > 0
    assert found.converged

    def fitted(rows, known, c):
        mean, deviation = rows.astype(np.float64).mean(axis=0), rows.astype(np.float64).std(axis=0)
        model = LogisticRegression(C=c, max_iter=5000).fit((rows - mean) / deviation, known)
        return model, lambda others: (others - mean) / deviation

    losses = []
    for c in GRID:
        model, scaled = fitted(features[~part], labels[~part], c)
        losses.append(log_loss(labels[part], model.predict_proba(scaled(features[part])), labels=model.classes_))
    assert found.c == GRID[int(np.argmin(losses))]
    model, scaled = fitted(features, labels, found.c)
    assert np.allclose(found.pipeline[-1].coef_, model.coef_, rtol=1e-3, atol=1e-4)
    assert np.array_equal(found.predict(test), model.predict(scaled(test)))


def test_it_agrees_with_the_study_s_own_probe_at_the_same_penalty():
    torch = pytest.importorskip("torch")
    assert torch
    from bench_freeze.analysis.numbers.probe import linear_probe

    features, labels = problem(1)
    test, test_labels = problem(101)
    ours = linear_probe(features, labels, test, test_labels)
    found = fit_probe(features, labels, np.zeros(len(labels), bool))  # nothing held out: C is 1, as it is there
    assert (found.c, found.held_out) == (1.0, 0)
    assert np.mean(found.predict(test) == test_labels) == pytest.approx(ours.accuracy, abs=1e-12)


def test_noise_is_penalised_more_than_signal():
    """With many useless numbers and few samples the held-out part asks for a strong penalty; with clear classes not."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], 30)
    noise = random.normal(size=(60, 200))
    clear = np.stack([labels * 2.0 - 1, *random.normal(size=(3, 60)) * 0.1], axis=1)
    part = held_out(labels, 0.3, 0)
    assert fit_probe(noise, labels, part).c < 0.01 < 1 < fit_probe(clear, labels, part).c


def test_a_held_out_class_that_nothing_was_learned_of_does_not_choose():
    features, labels = problem(2, n=12, classes=3)
    part = labels == 2
    found = fit_probe(features, labels, part)
    assert (found.c, found.held_out) == (1.0, 0)
    assert set(found.predict(features)) <= {0, 1, 2}
