"""Arms against the original on the base set, and against each other on the target set."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from ..evaluate.evaluation import Evaluation
from ..evaluate.variation import FEWEST_IMAGES, varying_images
from ..results.schema import Accuracy
from ..results.study_statistics import Claim, Comparison, Equivalence
from ..stats.equivalence import detectable_difference, images_needed, two_one_sided_tests
from ..stats.multiple import holm
from ..stats.permutation import image_swaps, p_value, sign_flip_p, swap_error, swapped_differences
from .arms import ArmRows, trainings_of
from .figures import Sample, Sampler, estimate_of, figure, image_error

SWAP_SEED = 1
NUMBERS: dict[str, float | None] = {"map": None, "map50": 0.5}
ALPHA = 0.05
MOST_PERMUTED = 60  # comparisons that get a permutation test, which takes seconds each


@dataclass(frozen=True)
class ArmPair:
    """Two arms on one data set: their accuracies by common seed, in the same order."""

    data: str
    between: str
    a: str
    b: str
    seeds: list[int]
    of_a: list[Accuracy]
    of_b: list[Accuracy]
    by_construction: bool = False  # nothing between them can differ

    @property
    def identical(self) -> bool:
        """Whether all matches of all images are equal; match data are named by their content."""
        return all(x.matches is not None and x.matches == y.matches for x, y in zip(self.of_a, self.of_b, strict=True))


@dataclass(frozen=True)
class Compared:
    """A comparison, and the standard errors over images within each seed, for the detectable difference."""

    comparison: Comparison
    image_errors: list[float]
    images: int


def pairs_of(arms: Sequence[ArmRows]) -> list[ArmPair]:
    """All comparisons of a study.

    On the target set, trainings with each other, and deployments of one training. On the base set, every model with a
    base head with the original.
    """
    found: list[ArmPair] = []
    for a, b in itertools.combinations(trainings_of(arms), 2):
        seeds = [seed for seed in a.seeds if seed in b.rows]
        if seeds and (a.deployment == b.deployment or a.key.training == b.key.training):
            between = "trainings" if a.deployment == b.deployment else "deployments"
            of_a, of_b = ([arm.rows[seed].target for seed in seeds] for arm in (a, b))
            found.append(ArmPair("target", between, a.training, b.training, seeds, of_a, of_b))
    for arm in arms:
        if arm.is_plain:
            continue
        rows = list(arm.rows.values())
        original = [arm.original.base] * len(rows)
        alone = [row.base for row in rows]
        who = ("original", "original", arm.name, arm.seeds, original)
        found.append(ArmPair("base", *who, alone, arm.keeps_base_by_construction))
        merged = [row.base_merged for row in rows if row.base_merged is not None]
        if len(merged) == len(rows):
            found.append(ArmPair("base merged", *who, merged))
    return found


def compare_pairs(
    pairs: Sequence[ArmPair],
    sampler: Sampler,
    margins: Sequence[float],
    permutations: int,
    threads: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Compared]:
    """Compare all pairs by mAP and mAP50; p-values are adjusted within comparisons of one kind, data set and number."""
    compared: list[Compared] = []
    permuted = 0
    for done, pair in enumerate(pairs):
        swapped = None
        if pair.data != "base merged" and not pair.identical and permuted < MOST_PERMUTED:
            swapped = _swapped(pair, sampler, permutations, threads)
            permuted += swapped is not None
        for position, number in enumerate(NUMBERS):
            found = _compare(pair, number, sampler, margins, None if swapped is None else swapped[position])
            if found is not None:
                compared.append(found)
        if on_progress is not None:
            on_progress(done + 1, len(pairs))
    return _adjusted(compared)


def _compare(
    pair: ArmPair, number: str, sampler: Sampler, margins: Sequence[float], swapped: NDArray[np.float64] | None
) -> Compared | None:
    read = sampler.map if number == "map" else sampler.map50
    samples: list[Sample] = []
    for a, b in zip(pair.of_a, pair.of_b, strict=True):
        x, y = read(a), read(b)
        if x is None or y is None:
            return None
        samples.append(y - x)
    difference = figure(samples, 0.0 if swapped is None else swap_error(swapped, samples[0].images))
    estimate = estimate_of(difference)
    errors = [error for error in map(image_error, samples) if error is not None]
    is_base = pair.data != "target"
    comparison = Comparison(
        data=pair.data,
        between=pair.between,
        number=number,
        a=pair.a,
        b=pair.b,
        seeds=pair.seeds,
        difference=difference,
        identical=pair.identical,
        p=estimate.p_value() if estimate else None,
        p_holm=None,
        p_images=None if swapped is None else p_value(swapped),
        p_seeds=sign_flip_p(difference.per_seed) if 1 < len(samples) <= 16 else None,
        detectable=detectable_difference(estimate.spreads) if estimate and estimate.half_width(0.95) > 0 else None,
        equivalence=[_equivalence(pair, difference, errors, samples[0].images, m) for m in margins] if is_base else [],
    )
    return Compared(comparison, errors, samples[0].images)


def _equivalence(pair: ArmPair, difference: Claim, errors: Sequence[float], images: int, margin: float) -> Equivalence:
    estimate = estimate_of(difference)
    if pair.by_construction and difference.value == 0 and not any(difference.per_seed):
        return Equivalence(margin=margin, low=0.0, high=0.0, outcome="identical by construction")
    if estimate is None:
        return Equivalence(margin=margin, low=None, high=None, outcome="not shown")
    low, high = estimate.interval(1 - 2 * ALPHA)
    outcome = two_one_sided_tests(estimate, margin, ALPHA)
    spread = median_error(errors)
    needed = images_needed(spread, images, margin) if spread is not None and outcome == "not shown" else None
    return Equivalence(margin=margin, low=low, high=high, outcome=outcome, images_needed=needed)


def median_error(errors: Sequence[float]) -> float | None:
    """The median of the nonzero standard errors: a difference that is always 0 does not describe others."""
    known = [error for error in errors if error > 0]
    return float(np.median(known)) if known else None


def _swapped(pair: ArmPair, sampler: Sampler, permutations: int, threads: int) -> NDArray[np.float64] | None:
    evaluations: list[tuple[Evaluation, Evaluation]] = []
    for a, b in zip(pair.of_a, pair.of_b, strict=True):
        x, y = sampler.evaluation(a), sampler.evaluation(b)
        if x is None or y is None or varying_images(x.truth) < FEWEST_IMAGES:
            return None
        evaluations.append((x, y))
    swaps = image_swaps(evaluations[0][0].counts.images, permutations, SWAP_SEED)
    return swapped_differences(evaluations, swaps, tuple(NUMBERS.values()), threads)


def _adjusted(compared: Sequence[Compared]) -> list[Compared]:
    """Add Holm-adjusted p-values. A copy of the original is not tested and does not count."""
    comparisons = [entry.comparison for entry in compared]
    for kind in dict.fromkeys((c.data, c.between, c.number) for c in comparisons):
        for name in ("p", "p_images"):
            family = [
                at
                for at, c in enumerate(comparisons)
                if (c.data, c.between, c.number) == kind and not c.identical and getattr(c, name) is not None
            ]
            adjusted = holm([getattr(comparisons[at], name) for at in family])
            for at, p in zip(family, adjusted, strict=True):
                comparisons[at] = replace(comparisons[at], **{f"{name}_holm": float(p)})
    return [Compared(c, e.image_errors, e.images) for c, e in zip(comparisons, compared, strict=True)]
