"""A race under a budget in words: the arms that stopped, when, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..results.race import Race, StoppedArm
from .view import Remark

MOST_NAMED = 6
_WHY = {
    "worse": "shown to be worse",
    "base": "shown to lose more base mAP than --max-base-drop",
    "budget": "for want of budget, not shown to be worse",
}


def race_remarks(race: Race | None) -> Iterator[Remark]:
    """A remark for readers of the rows: the arms that are missing among them, by reason."""
    if race is None or not race.stopped:
        return
    parts = []
    for why, words in _WHY.items():
        own = [stop for stop in race.stopped if stop.why == why]
        if own:
            parts.append(f"{len(own)} {words} ({_named(own)})")
    remedy = ""
    if any(stop.why == "budget" for stop in race.stopped):
        remedy = "A larger --budget continues from where they stopped."
    yield Remark(
        f"{len(race.stopped)} of {len(race.arms)} arms stopped in the race and have no rows: {'; '.join(parts)}.",
        remedy,
    )


def race_lines(race: Race | None) -> list[str]:
    """The whole race: what was spent, how it ended, and every arm that stopped."""
    if race is None:
        return []
    spent = (
        f"{race.spent:.0f} of {race.limit:.0f} s"
        if race.unit == "seconds"
        else f"{_share(race.spent, race.grid)} of what all trainings take, of {race.budget}"
    )
    return [
        f"Race under --budget {race.budget}: {race.ended} Spent: {spent}.",
        _rule(race),
        *(f"{stop.arm} stopped after epoch {stop.epoch} of {_seeds(stop)}: {stop.reason}." for stop in race.stopped),
    ]


def _rule(race: Race) -> str:
    first = [decision for decision in race.decisions if len(decision.seeds) == 1]
    further = [decision.seeds[-1] for decision in race.decisions if len(decision.seeds) > 1]
    said = ["Decisions used held-out training images alone."]
    if first:
        said.append(
            f"After epochs {_listed(decision.epoch for decision in first)} of seed {race.asked_seeds[0]}, arms stop "
            "only for want of budget: one seed cannot show that an arm is worse."
        )
    if further:
        said.append(
            f"Then arms are compared after seed{'s' if len(further) > 1 else ''} {_listed(further)}, paired by seed: "
            f"the best arm should be stopped as worse in at most {race.alpha:.0%} of such races. This does not cover "
            "arms that stopped for want of budget."
        )
    return " ".join(said)


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _named(stops: Sequence[StoppedArm]) -> str:
    names = [f"{stop.arm} at epoch {stop.epoch}" for stop in stops[:MOST_NAMED]]
    more = [f"{len(stops) - MOST_NAMED} more"] if len(stops) > MOST_NAMED else []
    return ", ".join([*names, *more])


def _seeds(stop: StoppedArm) -> str:
    return f"seed{'s' if len(stop.seeds) > 1 else ''} {', '.join(map(str, stop.seeds))}"


def _share(spent: float, grid: float | None) -> str:
    return "?" if not grid else f"{spent / grid:.0%}"
