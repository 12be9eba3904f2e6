"""Accuracy of paired rows: every rule of each head as a test, or the reason why there is none."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from ..errors import InputError
from ..evaluate.bootstrap import check_pair, same_matches
from ..evaluate.evaluation import Evaluation
from ..evaluate.variation import FEWEST_IMAGES
from . import accuracy_change
from .accuracy_change import HeadNumbers, Images, images_of
from .accuracy_seeds import change_over_seeds
from .finding import UNCHECKED, Finding
from .limits import CheckRules, Limit
from .measured import Test
from .metric import HEADS
from .pairing import RowPair
from .read import CheckedRun, NoMatches
from .snapshot import PROFILE, RowSnapshot
from .words import sentence


class AccuracyRules:
    """The accuracy rules of two runs. Each entry of match data is resampled once, since rows share entries."""

    def __init__(
        self,
        baseline: CheckedRun,
        current: CheckedRun,
        rules: CheckRules,
        threads: int,
        pairs: Sequence[RowPair] = (),
    ) -> None:
        self._sides = baseline, current
        self._pairs = pairs
        self._rules = rules
        self._threads = threads
        self._made: dict[tuple[int, str], HeadNumbers] = {}

    def examine(
        self, head: str, kind: str, blank: Finding, limit: Limit, pair: RowPair, notes: list[str]
    ) -> Iterator[Finding | Test]:
        """A finding or test, one per class, or none with a note if the number is missing and no limit was set for it.

        Raises InputError if required match data are missing or belong to another run.
        """
        is_asked = self._rules.is_asked(blank.rule, pair.current)
        reason = self._not_there(head, kind, blank.rule, pair)
        if reason is None and _data_differ(head, pair):
            text = f"{blank.row}: {blank.metric}: the {head} sets are not the same data; score both on the baseline's."
            yield dataclasses.replace(blank, status="REFUSED", sentence=text)
            return
        if reason is None:
            try:
                reference, current = (self._of(i, row, head) for i, row in enumerate((pair.reference, pair.current)))
            except NoMatches as error:
                if is_asked or pair.current.construction != PROFILE:
                    raise
                reason = str(error)
            else:
                if _is_same(pair, reference, current):
                    yield from _unchanged(head, kind, blank, limit, current)
                    return
                seeds = self._changed_seeds(head, pair)
                if len(seeds) < 2:
                    yield from _tests(head, kind, blank, limit, [(reference, current)])
                elif pair is seeds[0]:  # one test for all of them
                    title = msgspec.structs.replace(pair.current, seed=None).title
                    blank = dataclasses.replace(blank, row=f"{title}, mean of {len(seeds)} seeds")
                    sides = [(self._of(0, of.reference, head), self._of(1, of.current, head)) for of in seeds]
                    yield from _tests(head, kind, blank, limit, sides)
                return
        if reason and is_asked:
            text = f"{blank.row}: {blank.metric} was not compared: {reason}"
            yield dataclasses.replace(blank, status="REFUSED", sentence=text)
        elif reason:
            notes.append(f"{UNCHECKED}: {reason}")

    def _changed_seeds(self, head: str, pair: RowPair) -> list[RowPair]:
        """This pair and all others that differ only in the seed, if their matches changed.

        A row is retrained with its seed, so variation between trainings is part of its uncertainty; several seeds
        estimate it. Rows without match data, or on other data, are excluded.
        """
        arm = pair.current.key.without("seed")
        found = [of for of in self._pairs if of.current.key.without("seed") == arm and of.current.seed is not None]
        changed = []
        for of in found:
            names = [row.accuracy[head].matches if head in row.accuracy else None for row in (of.reference, of.current)]
            kept = [
                None if name is None else run.evaluations.get(name)
                for name, run in zip(names, self._sides, strict=True)
            ]
            if any(entry is None for entry in kept) or _data_differ(head, of):
                continue
            if not _is_same(of, *(self._of(k, row, head) for k, row in enumerate((of.reference, of.current)))):
                changed.append(of)
        return changed

    def _not_there(self, head: str, kind: str, rule: str, pair: RowPair) -> str | None:
        """Why a head cannot be compared: a sentence, "" if that does not matter, or None if both have it."""
        both = {"baseline": pair.reference, "current run": pair.current}
        without = [name for name, row in both.items() if head not in row.accuracy]
        if not without:
            return None
        if len(without) == 1:
            return f"the {without[0]} has no accuracy for the {head} head; score it there, or turn it off."
        if pair.current.construction != PROFILE:  # an original has no target head, other rows have what they can have
            return ""
        other = next(name for name in HEADS if name != head)
        is_other_there = any(other in row.accuracy for row in both.values())
        if is_other_there and not self._rules.is_named(rule, pair.current):
            return ""  # a flag names both heads, and a profile may be of one
        if is_other_there:
            return f"neither profile has accuracy for the {head} head; make both with --{head}."
        return "neither profile has any; make both with --target or --base."

    def _of(self, side: int, row: RowSnapshot, head: str) -> HeadNumbers:
        name = row.accuracy[head].matches
        run = self._sides[side]
        found: Evaluation | None = run.evaluations.get(name) if name is not None else None
        if name is None or found is None:
            raise NoMatches(
                f"{run.path}: {row.title} has no match data for the {head} head, so its accuracy cannot be tested; "
                "make the file again with this version."
            )
        return self._made.setdefault((side, name), HeadNumbers(found, threads=self._threads))


def _data_differ(head: str, pair: RowPair) -> bool:
    hashes = {row.accuracy[head].data_sha256 for row in (pair.reference, pair.current)} - {None}
    return len(hashes) > 1


def _is_same(pair: RowPair, reference: HeadNumbers, current: HeadNumbers) -> bool:
    """Whether one file gave identical matches on one ground truth, so that nothing can differ."""
    if pair.reference.artifact_sha256 != pair.current.artifact_sha256:
        return False
    try:
        check_pair(reference.evaluation, current.evaluation)
    except InputError:
        return False
    return same_matches(reference.evaluation, current.evaluation)


def _unchanged(head: str, kind: str, blank: Finding, limit: Limit, current: HeadNumbers) -> Iterator[Finding]:
    """The difference of a run to itself: exactly 0 on any images, so no test is needed."""
    numbers = dataclasses.replace(current, resamples=1)
    for named, number in _named(head, kind, blank, numbers):
        value = number(numbers)[0]
        if not math.isfinite(value):  # a set without ground truth
            text = f"{blank.row}: {named.metric} is undefined: the data have nothing to measure it on."
            yield dataclasses.replace(named, status="INVALID", sentence=text)
            continue
        found = dataclasses.replace(named, status="PASS", reference=value, current=value, limit=limit.absolute(value))
        found = dataclasses.replace(found, change=0.0, low=0.0, high=0.0)
        yield dataclasses.replace(found, sentence=sentence(found))


def _named(
    head: str, kind: str, blank: Finding, numbers: HeadNumbers
) -> Iterator[tuple[Finding, Callable[[HeadNumbers], accuracy_change.Numbers]]]:
    """Unfinished findings, each with a function that reads its number: one, or one per class."""
    if kind != "class":
        yield blank, _NUMBERS[kind]
        return
    for label in accuracy_change.checked_classes(numbers.evaluation):
        named = dataclasses.replace(blank, metric=f"{head} AP of {numbers.evaluation.class_names[label]}")
        yield named, lambda side, label=label: side.class_ap(label)  # type: ignore[misc]


def _tests(
    head: str, kind: str, blank: Finding, limit: Limit, sides: Sequence[tuple[HeadNumbers, HeadNumbers]]
) -> Iterator[Finding | Test]:
    """One test, or one per class. `sides` are reference and current, for one seed or several."""
    reference = sides[0][0]
    try:
        for old, new in sides:
            check_pair(old.evaluation, new.evaluation)
            check_pair(reference.evaluation, new.evaluation)
    except InputError as error:
        yield dataclasses.replace(blank, status="REFUSED", sentence=f"{blank.row}: {blank.metric}: {error}")
        return
    images = images_of(reference.evaluation)
    if (few := too_few(images)) is not None:
        yield dataclasses.replace(blank, status="INVALID", sentence=f"{blank.row}: {blank.metric}: {few}.")
        return
    labels = accuracy_change.checked_classes(reference.evaluation) if kind == "class" else [None]
    is_rise = kind == "calibration"
    for (named, number), label in zip(_named(head, kind, blank, reference), labels, strict=True):
        over = images_of(reference.evaluation, label)
        numbers = [(number(old), number(new)) for old, new in sides]
        if len(sides) > 1:
            yield Test(named, change_over_seeds(numbers, over, is_rise=is_rise), limit)
        else:
            direction = accuracy_change.rise if is_rise else accuracy_change.fall
            yield Test(named, direction(*numbers[0], over), limit)


_NUMBERS: Mapping[str, Callable[[HeadNumbers], accuracy_change.Numbers]] = {
    "map": HeadNumbers.map,
    "map50": HeadNumbers.map50,
    "f1": HeadNumbers.f1,
    "calibration": HeadNumbers.calibration,
}


def too_few(images: Images) -> str | None:
    """Why a head cannot be tested on a data set; None if it can."""
    if images.count < accuracy_change.MIN_IMAGES:
        return f"{images.count} images are too few (at least {accuracy_change.MIN_IMAGES})"
    if images.varying < FEWEST_IMAGES:
        return "no class has boxes in more than one image, so nothing follows for other images"
    return None
