"""Several estimates that chance moves together: what another choice of images, and other trainings, would give at once.

The images' part is normal with the covariance that a bootstrap over images found. The seeds' part draws the trainings'
own deviations, a standard normal weight for each seed and common to all estimates, so that arms whose seeds rise and
fall together do so in the draws. Its variance is Student's, s^2 / n; a bootstrap of the seeds would hold (n - 1) / n of
it. Resamples of images are not used as they are: with few images a resample's mAP lies above that of the images it was
drawn from, and a choice made in it would be one of other values.
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
    """Estimates [N] and the chance in them; a source that nothing is known of is None."""

    values: Array
    images: Array | None  # [N, N] covariance over images
    image_degrees: float
    seeds: Array | None  # [N, S]: a column for each seed; the rows' squares sum to the variances over seeds
    seed_degrees: float

    @property
    def covariance(self) -> Array:
        """[N, N] of all sources."""
        found = np.zeros((len(self.values), len(self.values)))
        if self.images is not None:
            found = found + self.images
        return found if self.seeds is None else found + self.seeds @ self.seeds.T

    def errors(self, draws: int = DRAWS, seed: int = SEED, *, student: bool = False) -> Array:
        """[draws, N] what chance adds to the estimates; equal inputs give equal draws.

        Each draw stands beside its mirror image, so that the errors of one estimate have a mean of exactly 0.

        `student`: each source is scaled as Student's t of its degrees of freedom, the uncertainty of its spread
        included, as an interval wants it. Without, the draws have the estimated covariance.
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
        """The estimates drawn together until, with chance added again, they spread as the measured ones do.

        Measured values are the true ones spread further by chance; a resample around them spreads them twice, and the
        choice in it looks easier than it was. The share of the spread that chance explains (empirical Bayes, as in the
        James-Stein estimator) is taken out. All equal where chance explains all of it.
        """
        n = len(self.values)
        deviations = self.values - self.values.mean()
        spread = float(np.sum(deviations**2))
        if n < 2 or spread == 0:
            return self.values.copy()
        by_chance = float(np.trace((np.eye(n) - 1 / n) @ self.covariance))
        return np.asarray(self.values.mean() + math.sqrt(max(0.0, 1 - by_chance / spread)) * deviations)


def covariance_of_pairs(variances: Sequence[float], differences: Mapping[tuple[int, int], float]) -> Array:
    """[N, N] from the variances of N numbers and of their paired differences, by Var(b - a) = Va + Vb - 2 Cov.

    A pair that was not compared gets the correlation of the strongest path of compared ones: two numbers that move with
    a third move together. What rounding or other resamples leave negative in the eigenvalues is set to 0.
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
    """[N, S] deviations of each number's seeds, scaled so that a row's squares sum to the variance of its mean.

    A number of one seed gets the others' root mean square, in a column of its own. None where no number has two.
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
    """A factor F with F F' = the covariance, which may be singular."""
    if covariance is None:
        return None
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))
