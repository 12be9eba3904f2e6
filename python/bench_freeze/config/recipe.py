"""Training recipes by name, without any framework: what `recipe` may say, and which layers train from which epoch on.

A row's recipe is a name below, or `replay_SHARE`, `interpolate_ALPHA` or `matched_DEPTH`, which --replay, --interpolate
and --match-capacity add.
"""

from __future__ import annotations

import difflib
import re
from itertools import pairwise
from typing import NamedTuple

from ..errors import InputError

STATIC = "static"
LP_FT = "lp_ft"
GRADUAL = "gradual"
DISTILL = "distill"
SCRATCH = "scratch"  # an arm of its own, at freeze 0 only
MATCHED = "matched"
RECIPES: dict[str, str] = {
    STATIC: "layers 0..freeze-1 stay frozen, the rest trains from the first step",
    LP_FT: "the head alone first, then all layers from freeze on",
    GRADUAL: "from the head down to freeze, depth by depth",
    DISTILL: "static, and the features that the base head reads are held near the base model's",
}
BY_SHARE = {"replay": "replay", "interpolate": "interpolate", MATCHED: "match-capacity"}  # family: its flag


class Stage(NamedTuple):
    """From `epoch` on, layers 0..depth-1 are frozen."""

    epoch: int
    depth: int


def check_recipes(names: tuple[str, ...]) -> None:
    """Raise InputError for a name that is no recipe."""
    for name in names:
        if name in RECIPES:
            continue
        family, _, share = name.partition("_")
        close = difflib.get_close_matches(name, RECIPES, n=1)
        if family in BY_SHARE:
            hint = f"give --{BY_SHARE[family]} {share or (22 if family == MATCHED else 0.5)} instead."
        elif name == SCRATCH:
            hint = "give --scratch instead."
        else:
            hint = f"did you mean '{close[0]}'?" if close else f"recipes are {', '.join(RECIPES)}."
        raise InputError(f"recipe = '{name}' is not known; {hint}")


def share_of(recipe: str, family: str) -> float | None:
    """0.05 for `replay_0.05` and the family `replay`; None for another recipe."""
    return float(recipe[len(family) + 1 :]) if recipe.startswith(f"{family}_") else None


def stages_of(
    recipe: str, freeze: int, *, head: int, depths: tuple[int, ...], epochs: int, lp_share: float, schedule: str | None
) -> tuple[Stage, ...]:
    """The stages of an arm, first to last; the last one's depth is `freeze`.

    `depths` are the model's usual ones (22, 15, 10 for YOLOv8), which `gradual` goes through in equal shares of the
    epochs unless a `schedule` such as "22@0,15@3,10@6" says otherwise. Raises InputError when there are too few epochs.
    """
    stages: tuple[Stage, ...]
    if recipe == LP_FT and freeze < head:
        alone = min(max(1, round(epochs * lp_share)), epochs - 1)
        stages = (Stage(0, head), Stage(alone, freeze))
    elif recipe == GRADUAL and freeze < head:
        if schedule is not None:
            stages = tuple(stage for stage in parse_schedule(schedule) if stage.depth >= freeze)
            if not stages or stages[-1].depth != freeze:
                raise InputError(
                    f"unfreeze_schedule = '{schedule}' never comes down to freeze {freeze}; add {freeze}@N."
                )
        else:
            stops = sorted({head, *(d for d in depths if d > freeze), freeze}, reverse=True)
            stages = tuple(Stage(round(epochs * k / len(stops)), depth) for k, depth in enumerate(stops))
    else:
        return (Stage(0, freeze),)
    starts = [stage.epoch for stage in stages]
    if starts[-1] >= epochs or len(set(starts)) < len(starts):
        raise InputError(
            f"recipe {recipe} at freeze {freeze} has {len(stages)} stages, which do not fit in {epochs} epoch(s); give "
            "more --epochs."
        )
    return stages


def parse_schedule(text: str) -> tuple[Stage, ...]:
    """Stages from "22@0,15@3,10@6". Raises InputError unless epochs rise from 0 and depths fall."""
    pairs = [re.fullmatch(r"\s*(\d+)@(\d+)\s*", item) for item in text.split(",")]
    stages = tuple(Stage(int(p[2]), int(p[1])) for p in pairs if p is not None)
    falling = all(a.depth > b.depth and a.epoch < b.epoch for a, b in pairwise(stages))
    if len(stages) != len(pairs) or not falling or stages[0].epoch != 0:
        raise InputError(
            f"unfreeze_schedule = '{text}' is no schedule; give DEPTH@EPOCH pairs whose epochs rise from 0 and whose "
            "depths fall, such as 22@0,15@3,10@6."
        )
    return stages
