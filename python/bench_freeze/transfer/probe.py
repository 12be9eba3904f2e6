"""A linear probe by scikit-learn: logistic regression with an L2 penalty on frozen features.

Features are standardised by the training samples. The penalty is chosen by the log loss on a held-out part of the
training samples, then the probe is fitted again on all of them. The scored samples are not used for the choice.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

GRID = tuple(float(10.0**k) for k in range(-5, 4))  # of C, the inverse strength of the penalty
MAX_ITERATIONS = 5000
HELD_OUT = 0.2  # of the training samples of each class


@dataclass(frozen=True)
class Probe:
    """A fitted probe. `held_out` training samples chose `c`; if there were too few, `held_out` is 0 and `c` is 1."""

    pipeline: Pipeline
    c: float
    held_out: int
    converged: bool

    def predict(self, features: NDArray[np.floating]) -> NDArray[np.int64]:
        """The class of every row of [n, p]."""
        found: NDArray[np.int64] = self.pipeline.predict(features)
        return found


def require_scikit_learn() -> None:
    """Raise InputError where scikit-learn is not installed."""
    if find_spec("sklearn") is None:
        raise InputError(
            'the linear probe needs scikit-learn, which is not installed: pip install "bench-freeze[transfer]".'
        )


def fit_probe(features: NDArray[np.floating], labels: NDArray[np.integer], held_out: NDArray[np.bool_]) -> Probe:
    """Fit a probe to features [n, p] and labels [n]; the rows of `held_out` [n] choose the penalty.

    Without a held-out row, or with fewer than two classes among the other rows, C is 1.
    """
    known = np.unique(labels[~held_out])
    judged = held_out & np.isin(labels, known)  # a class that the other rows lack cannot inform the penalty
    c = 1.0
    if judged.any() and len(known) > 1:
        losses = [_held_out_loss(features, labels, ~held_out, judged, value) for value in GRID]
        c = GRID[int(np.argmin(losses))]
    else:
        judged = np.zeros(len(labels), np.bool_)
    pipeline, converged = _fitted(features, labels, c)
    return Probe(pipeline, c, int(judged.sum()), converged)


def _held_out_loss(
    features: NDArray[np.floating],
    labels: NDArray[np.integer],
    learns: NDArray[np.bool_],
    judges: NDArray[np.bool_],
    c: float,
) -> float:
    pipeline, _ = _fitted(features[learns], labels[learns], c)
    logs = pipeline.predict_log_proba(features[judges])
    rows = np.searchsorted(pipeline.classes_, labels[judges])
    return -float(np.mean(logs[np.arange(len(rows)), rows]))


def _fitted(features: NDArray[np.floating], labels: NDArray[np.integer], c: float) -> tuple[Pipeline, bool]:
    """The fitted pipeline, and whether L-BFGS converged."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=c, solver="lbfgs", max_iter=MAX_ITERATIONS))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ConvergenceWarning)
        pipeline.fit(np.asarray(features, np.float64), labels)
    return pipeline, not any(issubclass(one.category, ConvergenceWarning) for one in told)
