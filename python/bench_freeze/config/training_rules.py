"""The rules of training options, alone and together, checked before any work."""

from __future__ import annotations

from ..errors import InputError
from ..results.recipe import STATIC
from .budget import check_budget
from .recipe import check_recipes, parse_schedule
from .training import NO_AUGMENTATION, ClusterOptions, TrainingOptions
from .tuned import check_tuned


def check_training(options: TrainingOptions) -> None:
    """Raise InputError for the first invalid training option."""
    check_recipes(options.recipe)
    if any(seed < 0 for seed in options.seeds):
        raise InputError("a seed is below 0; seeds are whole numbers from 0.")
    if options.freeze is not None and min(options.freeze) < 0:
        raise InputError(f"freeze = {min(options.freeze)} is below 0; 0 freezes nothing, N freezes layers 0 to N-1.")
    if options.lr0 is not None and not 0 < options.lr0 < float("inf"):
        raise InputError(f"lr0 = {options.lr0} is out of range; give a number above 0, for example 0.001.")
    if options.unfreeze_schedule is not None:
        parse_schedule(options.unfreeze_schedule)
    if not 0 < options.lp_share < 1:
        raise InputError(f"lp_share = {options.lp_share} is out of range; give a number between 0 and 1.")
    if not 0 < options.layer_decay <= 1:
        raise InputError(f"layer_decay = {options.layer_decay} is out of range; give a number above 0, up to 1.")
    if not 0 <= options.distill_weight < float("inf"):
        raise InputError(f"distill_weight = {options.distill_weight} is out of range; give 0 or more.")
    if options.freeze:
        options.trainings(options.freeze)
    for name in ("replay", "interpolate", "data_fractions", "match_capacity"):
        values = getattr(options, name)
        if name != "match_capacity" and any(not 0 < share <= 1 for share in values):
            raise InputError(f"{name} = {','.join(map(str, values))} is out of range; give numbers above 0, up to 1.")
        if len(set(values)) != len(values):
            raise InputError(f"{name} = {','.join(map(str, values))} names something twice; name each once.")
    if not 0 <= options.replay_holdout < 1:
        raise InputError(f"replay_holdout = {options.replay_holdout} is out of range; give a number from 0, below 1.")
    unused = [
        n for n in ("replay_set", "replay_images", "replay_holdout") if getattr(options, n) and not options.replay
    ]
    if unused:
        raise InputError(
            f"{unused[0]} is given but nothing is replayed; add for example --replay 0.05, or leave it out."
        )
    if options.replay_holdout and options.replay_set is not None:
        raise InputError("replay_set and replay_holdout both name the images to replay; give one of them.")
    if options.frozen_bn == "train" and options.interpolate:
        raise InputError("interpolate needs frozen layers equal to the base model's; leave frozen_bn = eval.")
    check_tuned(options.tuned)
    if options.scratch_epochs is not None:
        _check_scratch_epochs(options)
    if options.tuned and options.freeze is None:
        _check_nothing_to_train(options)
    _check_augmentation(options)
    _check_held_out(options)
    check_budget(options)
    if options.lr_search < 0 or options.lr_search == 1:
        raise InputError(
            f"lr_search = {options.lr_search} is out of range; give 2 or more rates to try, or leave it out."
        )
    if options.lr_search and (options.lr0 is None or options.optimizer.lower() == "auto"):
        raise InputError("lr_search needs a rate to search around; give --optimizer AdamW --lr0 0.001, for example.")


def _check_scratch_epochs(options: TrainingOptions) -> None:
    if options.scratch_epochs is not None and options.scratch_epochs < 1:
        raise InputError(
            f"scratch_epochs = {options.scratch_epochs} is out of range; give a whole number of at least 1."
        )
    if options.val_every > (options.scratch_epochs or options.val_every):
        raise InputError(
            f"val_every = {options.val_every} is never reached in scratch_epochs = {options.scratch_epochs}; give at "
            "most that many."
        )
    if not options.scratch:
        raise InputError(
            "scratch_epochs applies to trainings from random weights, and there are none; add --scratch, or leave it "
            "out."
        )


def _check_nothing_to_train(options: TrainingOptions) -> None:
    """With given checkpoints only, raise InputError for training options, which would have no effect."""
    asked = {
        "recipe": options.recipe != (STATIC.name,),
        "data_fractions": options.data_fractions != (1.0,),
        **{name: bool(getattr(options, name)) for name in ("replay", "interpolate", "match_capacity", "lr_search")},
    }
    name = next((name for name, is_asked in asked.items() if is_asked), None)
    if name is not None:
        raise InputError(
            f"{name} is a training option, and tuned without freeze trains nothing; add --freeze with the depths to "
            "train, or leave it out."
        )


def _check_held_out(options: TrainingOptions) -> None:
    for name in ("val_every", "patience"):
        if getattr(options, name) < 0:
            raise InputError(f"{name} = {getattr(options, name)} is below 0; give a number of epochs, or 0 for never.")
    asked = [f"patience = {options.patience}"] if options.patience else []
    asked += [f"keep = {options.keep}"] if options.keep != "last" else []
    if asked and not options.val_every:
        raise InputError(f"{asked[0]} depends on the held-out target mAP; give --val-every 1 too, or leave it out.")
    if options.val_every > options.epochs:
        raise InputError(
            f"val_every = {options.val_every} is never reached in {options.epochs} epochs; give at most "
            f"{options.epochs}."
        )


def check_cluster(options: ClusterOptions, device: str) -> None:
    """Raise InputError for invalid cluster options; `device` is where a training runs."""
    if options.gpus_per_arm <= 0 or options.workers_per_node < 1:
        raise InputError("gpus_per_arm must be above 0 and workers_per_node at least 1.")
    if options.executor == "ray" and device not in ("cpu", "cuda:0"):
        raise InputError(f"device = {device}: on Ray each training sees its GPU as cuda:0; give that.")
    if options.address is not None and options.executor != "ray":
        raise InputError(
            f"address = {options.address} is the address of a Ray cluster; add --executor ray, or leave it out."
        )


def _check_augmentation(options: TrainingOptions) -> None:
    given = [name for name in (*NO_AUGMENTATION, "augmentations") if name in options.train_args]
    if not options.augment and given:
        raise InputError(
            f"train_args: '{given[0]}' is augmentation, and augment = false turns it off; leave one of them out."
        )
    if not options.cache_features:
        return
    if options.augment:
        raise InputError("cache_features needs the same images in every epoch; add --no-augment, or leave it out.")
    if options.frozen_bn == "train":
        raise InputError("cache_features needs frozen layers whose output does not change; leave frozen_bn = eval.")
