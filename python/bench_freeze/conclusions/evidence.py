"""The strength of the evidence for a pick, by stated rules, and what would strengthen it.

The grade is that of the weakest criterion. The table is in docs/explanation/decision.md; the numbers here are its
only source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..results.decision import Grade
from .candidates import Candidate

STRONG_SEEDS, MODERATE_SEEDS = 5, 3
STRONG_IMAGES, MODERATE_IMAGES = 500, 100
STRONG_SUPPORT, MODERATE_SUPPORT = 0.9, 0.6
STRONG_EPOCHS, MODERATE_EPOCHS = 30, 6
MOST_NAMED = 4
ORDER: tuple[Grade, ...] = ("weak", "moderate", "strong")


@dataclass(frozen=True)
class Criterion:
    """One criterion's grade with its reason, and what would raise it."""

    grade: Grade
    reason: str
    step: str | None


@dataclass(frozen=True)
class Facts:
    """The inputs of the grade."""

    seeds: int  # the smallest number of seeds of an arm that may be picked
    images: int  # of the selection split
    split: str
    epochs: int | None  # None in results that do not record them
    support: float | None
    silence: str | None  # why there is no support
    choices: int  # arms that keep to the constraints
    has_test: bool
    doubtful: tuple[str, ...] | None  # of these the arms whose latency is not VALID; None where some have none
    given: bool = False  # every checkpoint was trained elsewhere: what raises a grade is another checkpoint


def grade_of(facts: Facts, pick: str, covers: str) -> tuple[Grade, list[str], list[str]]:
    """The grade, its reasons (weakest first) and the next steps. `covers` says what the resamples of the support
    vary."""
    criteria = [
        _seeds(facts.seeds, facts.given),
        *([] if facts.epochs is None else [_epochs(facts.epochs, facts.given)]),
        _images(facts.images, facts.split),
        _order(facts, pick, covers),
        _latency(facts.doubtful),
        _test(facts),
    ]
    ordered = sorted(criteria, key=lambda criterion: ORDER.index(criterion.grade))
    steps = [criterion.step for criterion in ordered if criterion.step is not None]
    return ordered[0].grade, [f"{c.reason} ({c.grade})." for c in ordered], steps


def doubtful_of(allowed: Sequence[Candidate], timed: bool) -> tuple[str, ...] | None:
    """The arms whose latency is not VALID in every run; None if it was not measured for every arm."""
    verdicts = {
        candidate.name: [None if row.latency.model is None else row.latency.model.verdict for row in candidate.rows]
        for candidate in allowed
    }
    if not timed and any(not found or None in found for found in verdicts.values()):
        return None
    return tuple(name for name, found in verdicts.items() if not found or any(verdict != "VALID" for verdict in found))


def _graded(value: float, strong: float, moderate: float) -> Grade:
    return "strong" if value >= strong else "moderate" if value >= moderate else "weak"


def _seeds(seeds: int, given: bool) -> Criterion:
    grade = _graded(seeds, STRONG_SEEDS, MODERATE_SEEDS)
    reason = "One seed: the variation between trainings is not known" if seeds == 1 else f"{seeds} seeds an arm"
    if grade == "strong":
        return Criterion(grade, reason, None)
    goal = STRONG_SEEDS if grade == "moderate" else MODERATE_SEEDS
    more = _counted(goal - seeds, "more seed")
    if given:
        return Criterion(grade, reason, f"Train {more} of each arm and give all of them: --tuned 22/0=a.pt,22/1=b.pt.")
    return Criterion(grade, reason, f"Train {more} of each arm, such as --seeds {','.join(map(str, range(goal)))}.")


def _epochs(epochs: int, given: bool) -> Criterion:
    grade = _graded(epochs, STRONG_EPOCHS, MODERATE_EPOCHS)
    if grade == "strong":
        return Criterion(grade, _counted(epochs, "epoch"), None)
    goal = STRONG_EPOCHS if grade == "moderate" else MODERATE_EPOCHS
    reason = f"{_counted(epochs, 'epoch')}: the order of arms may change with longer training"
    step = f"Give checkpoints of {goal} epochs or more." if given else f"Train longer: --epochs {goal} or more."
    return Criterion(grade, reason, step)


def _images(images: int, split: str) -> Criterion:
    grade = _graded(images, STRONG_IMAGES, MODERATE_IMAGES)
    reason = f"{_counted(images, 'image')} in {split}"
    if grade == "strong":
        return Criterion(grade, reason, None)
    goal = STRONG_IMAGES if grade == "moderate" else MODERATE_IMAGES
    return Criterion(grade, reason, f"Label {_counted(goal - images, 'more image')} for {split}: {goal:,} in all.")


def _order(facts: Facts, name: str, covers: str) -> Criterion:
    if facts.choices == 1:
        return Criterion("strong", f"{name} is the only arm that meets the constraints: nothing was compared", None)
    if facts.support is None:
        return Criterion("weak", f"How often {name} would be picked again is not known: {facts.silence}", None)
    grade = _graded(round(facts.support, 2), STRONG_SUPPORT, MODERATE_SUPPORT)
    reason = f"{name} is the pick in {100 * facts.support:.0f} % of resamples over {covers}"
    step = f"More seeds and more images in {facts.split} make the order of the arms more certain."
    return Criterion(grade, reason, None if grade == "strong" else step)


def _latency(doubtful: Sequence[str] | None) -> Criterion:
    if doubtful is None:
        step = "Measure latency (--latency-samples 200): cost is the size of the file."
        return Criterion("moderate", "Latency was not measured for every arm", step)
    if not doubtful:
        return Criterion("strong", "Every latency is VALID", None)
    which = ", ".join(doubtful) if len(doubtful) <= MOST_NAMED else f"{len(doubtful)} arms"
    step = f"Measure the latency of {which} again on a quiet machine: --retime."
    said = f"The latency of {which} is" if len(doubtful) == 1 else f"The latencies of {which} are"
    return Criterion("moderate", f"{said} not VALID", step)


def _test(facts: Facts) -> Criterion:
    if facts.has_test:
        return Criterion("strong", "The number quoted comes from a test split that played no part in the choice", None)
    return Criterion(
        "moderate",
        f"No test split: choice and number come from {facts.split}",
        "Add a test split to the data yaml (test: FOLDER): the quoted number is then independent of the choice.",
    )


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
