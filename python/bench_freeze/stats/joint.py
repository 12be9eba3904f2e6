"""Estimates with correlated errors: what other images and other trainings would change in all of them at once.

The images' part is normal, with the covariance found by a bootstrap over images. The seeds' part combines the measured
deviations of the trainings, with one standard normal weight per seed that all estimates share, so that arms whose seeds
rise and fall together also do so in the draws. Its variance is Student's, s^2 / n, of which a bootstrap of the seeds
would have only (n - 1) / n. Resamples of images are not used directly: with few images, the mAP of a resample is biased
upwards, and a choice made on it would be a choice among different values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 4000
SEED = 20260401

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Joint:
    """N estimates and the chance in them; an unknown source of chance is None."""

    values: Array
    images: Array | None  # [N, N] covariance over images
    image_degrees: float
    seeds: Array | None  # [N, S], a column for each seed; the squares of a row sum to its variance over seeds
    seed_degrees: float

    @property
    def covariance(self) -> Array:
        """Covariance of all sources together, [N, N]."""
        found = np.zeros((len(self.values), len(self.values)))
        if self.images is not None:
            found = found + self.images
        return found if self.seeds is None else found + self.seeds @ self.seeds.T

    def errors(self, draws: int = DRAWS, seed: int = SEED, *, student: bool = False) -> Array:
        """Draw the errors that chance adds to the estimates, [draws, N]; equal inputs give equal draws.

        Every draw is paired with its negative, so that the errors of an estimate have a mean of exactly 0.

        With `student`, each source follows Student's t distribution with its degrees of freedom, which includes the
        uncertainty of its spread, as an interval requires. Otherwise the draws have the estimated covariance.
        """
        random = np.random.default_rng(seed)
        half = draws // 2
        found = np.zeros((half, len(self.values)))
        for factor, degrees in ((_root(self.images), self.image_degrees), (self.seeds, self.seed_degrees)):
            if factor is None:
                continue
            own = random.standard_normal((half, factor.shape[1])) @ factor.T
            if student:
                own *= np.sqrt(degrees / random.chisquare(degrees, half))[:, None]
            found += own
        return np.concatenate([found, -found])

    def centres(self) -> Array:
        """The estimates, [N], shrunk towards their mean until added chance restores the measured spread.

        Chance has already spread the measured values around the true ones. Resampling around the measured values would
        add it twice, and the choice among them would look easier than it was. So the share of the spread that chance
        explains is removed (empirical Bayes, as in the James-Stein estimator). Where chance explains all of it, all
        centres are equal.
        """
        n = len(self.values)
        deviations = self.values - self.values.mean()
        spread = float(np.sum(deviations**2))
        if n < 2 or spread == 0:
            return self.values.copy()
        by_chance = float(np.trace((np.eye(n) - 1 / n) @ self.covariance))
        return np.asarray(self.values.mean() + math.sqrt(max(0.0, 1 - by_chance / spread)) * deviations)


def covariance_of_pairs(variances: Sequence[float], differences: Mapping[tuple[int, int], float]) -> Array:
    """Covariance [N, N] from the variances of N numbers and of paired differences, by Var(b - a) = Va + Vb - 2 Cov.

    A pair without a measured difference gets the correlation along the strongest path of measured pairs: two numbers
    that move with a third also move together. Eigenvalues that rounding, or the use of different resamples, makes
    negative are set to 0.
    """
    deviations = np.sqrt(np.asarray(variances, np.float64))
    n = len(deviations)
    correlation = np.eye(n)
    for (i, j), variance in differences.items():
        both = deviations[i] * deviations[j]
        if both > 0:
            found = (deviations[i] ** 2 + deviations[j] ** 2 - variance) / (2 * both)
            correlation[i, j] = correlation[j, i] = min(1.0, max(-1.0, found))
    known = np.eye(n, dtype=bool)
    for i, j in differences:
        known[i, j] = known[j, i] = True
    paths = np.where(known, np.maximum(correlation, 0), 0)
    for k in range(n):
        paths = np.maximum(paths, np.outer(paths[:, k], paths[k]))
    correlation = np.where(known, correlation, paths)
    covariance = correlation * np.outer(deviations, deviations)
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.maximum(values, 0)) @ vectors.T)


def seed_factor(per_seed: Sequence[Mapping[int, float]]) -> Array | None:
    """Deviations of each number's seeds, [N, S], scaled so that the squares of a row sum to the variance of its mean.

    A number with one seed gets the root mean square of the others' standard deviations, in a column of its own. None
    where no number has two seeds.
    """
    seeds = sorted({seed for values in per_seed for seed in values})
    rows, lonely = [], []
    for at, values in enumerate(per_seed):
        n = len(values)
        row = np.zeros(len(seeds))
        if n < 2:
            lonely.append(at)
        else:
            mean = sum(values.values()) / n
            for k, seed in enumerate(seeds):
                if seed in values:
                    row[k] = (values[seed] - mean) / math.sqrt(n * (n - 1))
        rows.append(row)
    if len(lonely) == len(per_seed):
        return None
    found = np.array(rows)
    variances = [
        len(values) * float(np.sum(row**2)) for values, row in zip(per_seed, rows, strict=True) if len(values) > 1
    ]
    own = np.zeros((len(per_seed), len(lonely)))
    for column, at in enumerate(lonely):
        own[at, column] = math.sqrt(sum(variances) / len(variances))
    return np.concatenate([found, own], axis=1)


def _root(covariance: Array | None) -> Array | None:
    """A factor F with F F' equal to the covariance, which may be singular."""
    if covariance is None:
        return None
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))
