"""How strong the evidence for a pick is, by stated rules, and what would make it stronger.

The grade is that of the weakest criterion. The table is in docs/decision.md; the numbers here are its only source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..results.decision import Grade
from .candidates import Candidate, names_of

STRONG_SEEDS, MODERATE_SEEDS = 5, 3
STRONG_IMAGES, MODERATE_IMAGES = 500, 100
STRONG_SUPPORT, MODERATE_SUPPORT = 0.9, 0.6
STRONG_EPOCHS, MODERATE_EPOCHS = 30, 6
ORDER: tuple[Grade, ...] = ("weak", "moderate", "strong")


@dataclass(frozen=True)
class Criterion:
    """One criterion's grade with its reason, and what would raise it."""

    grade: Grade
    reason: str
    step: str | None


@dataclass(frozen=True)
class Facts:
    """What the grade is made of."""

    seeds: int  # the fewest of an arm that may be picked
    images: int  # of the selection split
    split: str
    epochs: int | None
    support: float | None
    silence: str | None  # why there is no support
    choices: int  # arms that keep to the constraints
    has_test: bool


def grade_of(
    facts: Facts, pick: Candidate, allowed: Sequence[Candidate], timed: bool
) -> tuple[Grade, list[str], list[str]]:
    """The grade, its reasons (weakest first) and the next steps."""
    criteria = [
        _seeds(facts.seeds),
        *([] if facts.epochs is None else [_epochs(facts.epochs)]),
        _images(facts.images, facts.split),
        _order(facts, pick.name),
        _latency(allowed, timed),
        _test(facts),
    ]
    ordered = sorted(criteria, key=lambda criterion: ORDER.index(criterion.grade))
    steps = [criterion.step for criterion in ordered if criterion.step is not None]
    return ordered[0].grade, [f"{c.reason} ({c.grade})." for c in ordered], steps


def facts_of(
    study: Mapping[str, Any],
    split: str,
    images: int,
    allowed: Sequence[Candidate],
    support: float | None,
    silence: str | None,
    has_test: bool,
) -> Facts:
    """From a study's fields and the arms that may be picked."""
    epochs = study.get("epochs")
    return Facts(
        seeds=min(len(candidate.arm.seeds) for candidate in allowed),
        images=images,
        split=split,
        epochs=epochs if isinstance(epochs, int) and epochs > 0 else None,
        support=support,
        silence=silence,
        choices=len(allowed),
        has_test=has_test,
    )


def _graded(value: float, strong: float, moderate: float) -> Grade:
    return "strong" if value >= strong else "moderate" if value >= moderate else "weak"


def _seeds(seeds: int) -> Criterion:
    grade = _graded(seeds, STRONG_SEEDS, MODERATE_SEEDS)
    reason = "One seed: what another training would give is not known" if seeds == 1 else f"{seeds} seeds an arm"
    more = STRONG_SEEDS - seeds if grade == "moderate" else MODERATE_SEEDS - seeds
    goal = MODERATE_SEEDS if grade == "weak" else STRONG_SEEDS
    listed = ",".join(map(str, range(goal)))
    step = (
        None
        if grade == "strong"
        else f"Train {more} more seed{'s' * (more > 1)} of each arm, such as --seeds {listed}."
    )
    return Criterion(grade, reason, step)


def _epochs(epochs: int) -> Criterion:
    grade = _graded(epochs, STRONG_EPOCHS, MODERATE_EPOCHS)
    reason = f"{epochs} epoch{'s' * (epochs > 1)}: the order of depths may change with longer training"
    if grade == "strong":
        return Criterion(grade, f"{epochs} epochs", None)
    goal = STRONG_EPOCHS if grade == "moderate" else MODERATE_EPOCHS
    return Criterion(grade, reason, f"Train longer: --epochs {goal} or more.")


def _images(images: int, split: str) -> Criterion:
    grade = _graded(images, STRONG_IMAGES, MODERATE_IMAGES)
    goal = STRONG_IMAGES if grade == "moderate" else MODERATE_IMAGES
    step = None if grade == "strong" else f"Label {goal - images:,} more images for {split}: {goal:,} in all."
    return Criterion(grade, f"{images:,} image{'s' * (images != 1)} in {split}", step)


def _order(facts: Facts, name: str) -> Criterion:
    if facts.choices == 1:
        return Criterion("strong", f"{name} is the only arm that keeps to the constraints: nothing was compared", None)
    if facts.support is None:
        return Criterion("weak", f"How often {name} would be picked again is not known: {facts.silence}", None)
    grade = _graded(round(facts.support, 2), STRONG_SUPPORT, MODERATE_SUPPORT)
    reason = f"{name} is the pick in {100 * facts.support:.0f} % of resamples over what was varied"
    step = None
    if grade != "strong":
        step = f"More seeds and more images in {facts.split} make the order of the arms surer."
    return Criterion(grade, reason, step)


def _latency(allowed: Sequence[Candidate], timed: bool) -> Criterion:
    if not timed:
        step = "Measure latency (--latency-samples 200): cost is the size of the file."
        return Criterion("moderate", "Latency was not measured for every arm", step)
    doubtful = [candidate for candidate in allowed if not _is_valid(candidate)]
    if not doubtful:
        return Criterion("strong", "Every latency is VALID", None)
    which = names_of(doubtful) if len(doubtful) <= 4 else f"{len(doubtful)} arms"
    return Criterion(
        "moderate",
        f"The latency of {which} is not VALID",
        f"Measure the latency of {which} again on a quiet machine: --retime.",
    )


def _is_valid(candidate: Candidate) -> bool:
    verdicts = [None if row.latency.model is None else row.latency.model.verdict for row in candidate.rows]
    return bool(verdicts) and all(verdict == "VALID" for verdict in verdicts)


def _test(facts: Facts) -> Criterion:
    if facts.has_test:
        return Criterion("strong", "The number quoted comes from a test split of which nothing was chosen", None)
    return Criterion(
        "moderate",
        f"No test split: choice and number come from {facts.split}",
        "Add a test split to the data yaml (test: FOLDER): the quoted number then owes nothing to the choice.",
    )
