"""Training recipes, without any framework: the values of `recipe`, and which layers train from which epoch."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from ..errors import InputError
from ..results.recipe import DISTILL, GIVEN, GRADUAL, INTERPOLATE, LP_FT, MATCHED, REPLAY, SCRATCH, STATIC, Recipe
from ..text.suggest import hint

RECIPES: dict[str, str] = {  # the values of --recipe; other recipes have their own flags
    STATIC.name: "layers 0..freeze-1 stay frozen, the others train from the first step",
    LP_FT.name: "first only the head trains, then all layers from freeze on",
    GRADUAL.name: "unfreezes from the head down to freeze, depth by depth",
    DISTILL.name: "as static, with a loss that keeps the features of the base head near the base model's",
}
_FLAGS = {REPLAY: "replay", INTERPOLATE: "interpolate", MATCHED: "match-capacity"}  # of families with an amount


class Stage(NamedTuple):
    """From `epoch` on, layers 0..depth-1 are frozen."""

    epoch: int
    depth: int


def check_recipes(names: tuple[str, ...]) -> None:
    """Raise InputError for an unknown recipe."""
    for name in names:
        if name in RECIPES:
            continue
        family, _, amount = name.partition("_")
        if family in _FLAGS:
            advice = f"give --{_FLAGS[family]} {amount or (22 if family == MATCHED else 0.5)} instead."
        elif name == SCRATCH.name:
            advice = "give --scratch instead."
        elif name == GIVEN.name:
            advice = "give --tuned FILE instead."
        else:
            advice = hint(name, RECIPES, what="recipes are")
        raise InputError(f"recipe = '{name}' is not known; {advice}")


def stages_of(
    recipe: Recipe,
    freeze: int,
    *,
    head: int,
    depths: tuple[int, ...],
    epochs: int,
    lp_share: float,
    schedule: str | None,
) -> tuple[Stage, ...]:
    """The stages of an arm, first to last; the last one's depth is `freeze`.

    `depths` are the model's usual ones (22, 15, 10 for YOLOv8). `gradual` gives each an equal share of the epochs,
    unless a `schedule` such as "22@0,15@3,10@6" sets other ones. Raises InputError if there are too few epochs.
    """
    stages: tuple[Stage, ...]
    if recipe == LP_FT and freeze < head:
        alone = min(max(1, round(epochs * lp_share)), epochs - 1)
        stages = (Stage(0, head), Stage(alone, freeze))
    elif recipe == GRADUAL and freeze < head:
        if schedule is not None:
            stages = tuple(stage for stage in parse_schedule(schedule) if stage.depth >= freeze)
            if not stages or stages[-1].depth != freeze:
                raise InputError(f"unfreeze_schedule = '{schedule}' never reaches freeze {freeze}; add {freeze}@N.")
        else:
            stops = sorted({head, *(d for d in depths if d > freeze), freeze}, reverse=True)
            stages = tuple(Stage(round(epochs * k / len(stops)), depth) for k, depth in enumerate(stops))
    else:
        return (Stage(0, freeze),)
    starts = [stage.epoch for stage in stages]
    if starts[-1] >= epochs or len(set(starts)) < len(starts):
        raise InputError(
            f"recipe {recipe.name} at freeze {freeze} has {len(stages)} stages, which do not fit in {epochs} epoch(s); "
            "give more --epochs."
        )
    return stages


def parse_schedule(text: str) -> tuple[Stage, ...]:
    """Parse stages such as "22@0,15@3,10@6". Raises InputError unless epochs rise from 0 and depths fall."""
    pairs = [re.fullmatch(r"\s*(\d+)@(\d+)\s*", item) for item in text.split(",")]
    stages = tuple(Stage(int(p[2]), int(p[1])) for p in pairs if p is not None)
    falling = all(a.depth > b.depth and a.epoch < b.epoch for a, b in pairwise(stages))
    if len(stages) != len(pairs) or not falling or stages[0].epoch != 0:
        raise InputError(
            f"unfreeze_schedule = '{text}' is not a schedule; give DEPTH@EPOCH pairs whose epochs rise from 0 and "
            "whose depths fall, such as 22@0,15@3,10@6."
        )
    return stages
