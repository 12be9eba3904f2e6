"""Checks of the training options of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import InputError
from .recipe import check_recipes, parse_schedule

if TYPE_CHECKING:
    from .spec import Study


def check_training(study: Study) -> None:
    """Raise InputError for the first training option that cannot be."""
    check_recipes(study.recipe)
    if study.unfreeze_schedule is not None:
        parse_schedule(study.unfreeze_schedule)
    if not 0 < study.lp_share < 1:
        raise InputError(f"lp_share = {study.lp_share} is out of range; give a number between 0 and 1.")
    if not 0 < study.layer_decay <= 1:
        raise InputError(f"layer_decay = {study.layer_decay} is out of range; give a number above 0, up to 1.")
    if not 0 <= study.distill_weight < float("inf"):
        raise InputError(f"distill_weight = {study.distill_weight} is out of range; give 0 or more.")
    for name in ("replay", "interpolate", "data_fractions"):
        shares = getattr(study, name)
        if any(not 0 < share <= 1 for share in shares):
            raise InputError(f"{name} = {','.join(map(str, shares))} is out of range; give numbers above 0, up to 1.")
        if len(set(shares)) != len(shares):
            raise InputError(f"{name} = {','.join(map(str, shares))} names something twice; name each once.")
    if not 0 <= study.replay_holdout < 1:
        raise InputError(f"replay_holdout = {study.replay_holdout} is out of range; give a number from 0, below 1.")
    unused = [n for n in ("replay_set", "replay_images", "replay_holdout") if getattr(study, n) and not study.replay]
    if unused:
        raise InputError(f"{unused[0]} is given but nothing is replayed; give --replay 0.05, or leave it out.")
    if study.replay_holdout and study.replay_set is not None:
        raise InputError("replay_set and replay_holdout are two sources of images to replay; give one of them.")
    if study.frozen_bn == "train" and study.interpolate:
        raise InputError("interpolate needs frozen layers that are the base model's; leave frozen_bn = eval.")
