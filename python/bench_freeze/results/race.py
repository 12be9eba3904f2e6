"""A race of arms under a budget: its decisions, epoch by epoch, and the arms that it stopped."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from .quantities import Count, Fraction
from .training_curves import Epoch

Amount = Annotated[float, Meta(ge=0, le=1e15)]  # seconds, or image passes


class StoppedArm(Struct, frozen=True, kw_only=True):
    """An arm that did not finish all seeds. It has no rows."""

    arm: Annotated[str, Meta(description="its name without a seed")]
    weights: Annotated[str | None, Meta(description="name of the checkpoint; null in a study of one")]
    freeze: Count
    recipe: str
    seeds: Annotated[list[Count], Meta(description="seeds that it ran on")]
    epoch: Annotated[Epoch, Meta(description="epoch after which it stopped, for each of these seeds")]
    why: Annotated[
        Literal["worse", "base", "budget"],
        Meta(description="shown to be worse; shown to lose more base mAP than allowed; no room in the budget"),
    ]
    reason: Annotated[str, Meta(description="the reason as a sentence, with the numbers")]
    target_map: Annotated[list[Fraction | None], Meta(description="held-out target mAP at that time, by seed")]


class RaceDecision(Struct, frozen=True, kw_only=True):
    """One decision: the running arms, the budget spent, and the arms that stopped."""

    epoch: Epoch
    seeds: list[Count]
    arms: Annotated[Count, Meta(description="arms that ran until then")]
    stopped: Annotated[list[str], Meta(description="names of arms")]
    spent: Annotated[Amount, Meta(description="budget spent until then, in the unit of the race")]


class Race(Struct, frozen=True, kw_only=True):
    """With --budget: how the trainings were chosen. No decision used the scored split of the target set."""

    budget: Annotated[str, Meta(description="as it was given")]
    unit: Annotated[Literal["seconds", "image passes"], Meta(description="image passes: training images times epochs")]
    limit: Annotated[Amount, Meta(description="the budget, in this unit")]
    grid: Annotated[Amount | None, Meta(description="the cost of all arms and seeds; null for seconds")]
    spent: Amount
    alpha: Annotated[
        Fraction, Meta(description="in at most this share of races, the best arm should be stopped as worse")
    ]
    max_base_drop: Annotated[Fraction | None, Meta(description="the constraint on arms; null if there was none")]
    arms: Annotated[list[str], Meta(description="that began")]
    finished: Annotated[list[str], Meta(description="arms that finished all of `seeds`, which have rows")]
    seeds: list[Count]
    asked_seeds: Annotated[list[Count], Meta(description="the requested seeds")]
    decisions: list[RaceDecision]
    stopped: list[StoppedArm]
    ended: Annotated[str, Meta(description="why the race ended, in a sentence")]
