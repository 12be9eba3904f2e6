"""A linear probe: how well a linear classifier reads the classes of objects from frozen features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...results.analysis import ProbeScore

ITERATIONS = 200


def linear_probe(
    features: NDArray[np.floating],
    labels: NDArray[np.integer],
    test_features: NDArray[np.floating],
    test_labels: NDArray[np.integer],
) -> ProbeScore:
    """Fit multinomial logistic regression on features [n, p] and labels [n], and score it on other samples.

    Features are standardised by the training samples. |W|^2 / 2 is added to the summed loss (scikit-learn's C = 1), and
    L-BFGS in float64 finds the unique minimum. A class without training samples is never predicted.
    """
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1)
    classes, targets = np.unique(labels, return_inverse=True)
    weights, bias = _fit((features - mean) / deviation, targets, len(classes))
    found = classes[np.argmax((test_features - mean) / deviation @ weights + bias, axis=1)]
    hit = found == test_labels
    recalls = [hit[test_labels == label].mean() for label in np.unique(test_labels)]
    return ProbeScore(accuracy=float(hit.mean()), balanced=float(np.mean(recalls)))


def _fit(
    rows: NDArray[np.floating], targets: NDArray[np.integer], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import torch

    x, y = torch.as_tensor(rows, dtype=torch.float64), torch.as_tensor(targets)
    weights = torch.zeros(x.shape[1], classes, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weights, bias], max_iter=ITERATIONS, tolerance_grad=1e-6, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = torch.nn.functional.cross_entropy(x @ weights + bias, y, reduction="sum") + weights.square().sum() / 2
        value.backward()
        return value

    optimizer.step(loss)
    return weights.detach().numpy(), bias.detach().numpy()
