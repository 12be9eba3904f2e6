"""The training options of a study, where trainings run, and the checks of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

from ..errors import InputError
from ..results.recipe import INTERPOLATE, MATCHED, REPLAY, SCRATCH, STATIC, Recipe
from .common import CommonOptions, flag
from .recipe import RECIPES, check_recipes, parse_schedule
from .tuned import check_tuned

HeadInit = Literal["reinit", "shape_match", "width_preserving", "name_remap"]
FrozenBatchNorm = Literal["eval", "train"]

# Ultralytics' arguments that change an image or mix it with others, off; what else it lists is for classification.
NO_AUGMENTATION: dict[str, Any] = {
    **dict.fromkeys(("mosaic", "mixup", "cutmix", "copy_paste", "hsv_h", "hsv_s", "hsv_v", "degrees"), 0.0),
    **dict.fromkeys(("translate", "scale", "shear", "perspective", "flipud", "fliplr", "bgr", "multi_scale"), 0.0),
    "close_mosaic": 0,
}


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(CommonOptions):
    """What a study may ask of its trainings."""

    freeze: tuple[int, ...] | None = flag(
        "training",
        "freeze depths; N freezes layers 0..N-1 (default: head only, half the neck, all of the neck)",
        None,
        "N[,N]",
    )
    seeds: tuple[int, ...] = flag("training", "seeds; each is one training per depth", (0,), "N[,N]")
    recipe: tuple[str, ...] = flag(
        "training", f"how the layers train: {', '.join(RECIPES)}", (STATIC.name,), "NAME[,NAME]"
    )
    epochs: int = flag("training", "training epochs", 50)
    train_batch: int = flag("training", "training batch size", 16)
    optimizer: str = flag(
        "training", "SGD, Adam, AdamW, ... or auto, which is Ultralytics' own choice and ignores lr0", "auto"
    )
    lr0: float | None = flag("training", "initial learning rate (default: Ultralytics')")
    head_init: HeadInit = flag(
        "training",
        "how the new head starts: reinit, shape_match, width_preserving, name_remap (Ultralytics' own)",
        "name_remap",
    )
    frozen_bn: FrozenBatchNorm = flag(
        "training", "running statistics of frozen BatchNorm layers: eval keeps them, train lets them drift", "eval"
    )
    lr_search: int = flag(
        "training", "learning rates around lr0 tried for every arm, on a held-out fifth of its training images", 0
    )
    unfreeze_schedule: str | None = flag(
        "training", "stages of recipe gradual (default: equal shares of the epochs)", None, "DEPTH@EPOCH[,...]"
    )
    lp_share: float = flag("training", "share of the epochs in which recipe lp_ft trains the head alone", 0.3)
    layer_decay: float = flag(
        "training", "learning rate of a layer over that of the next layer; 1 gives all layers the same", 1.0
    )
    replay: tuple[float, ...] = flag(
        "training", "also train on this share of the replay images (recipe replay_SHARE)", (), "X[,X]"
    )
    replay_set: str | None = flag(
        "data", "base images to replay: COCO json or data yaml (default: the train split of a base yaml)"
    )
    replay_images: str | None = flag("data", "image folder of a COCO json replay set")
    replay_holdout: float = flag("data", "share of the base images that is not scored but replayed", 0.0)
    distill_weight: float = flag("training", "weight of the distance to the base features (recipe distill)", 1.0)
    interpolate: tuple[float, ...] = flag(
        "training", "also score base + ALPHA x (tuned - base), untrained (recipe interpolate_ALPHA)", (), "X[,X]"
    )
    interpolate_bn: Literal["interpolate", "reestimate"] = flag(
        "training",
        "BatchNorm statistics of interpolated models: interpolate, or reestimate on training images",
        "interpolate",
    )
    val_every: int = flag(
        "training",
        "every N epochs score each arm: target mAP on a tenth of the training images, which is then not trained on by "
        "any arm, and base mAP of the graft (0: never)",
        0,
    )
    patience: int = flag(
        "training",
        "with --val-every: end an arm whose held-out target mAP has not risen for N epochs (0: never); costs no image "
        "beyond the tenth",
        0,
    )
    keep: Literal["last", "best"] = flag(
        "training",
        "the epoch whose weights an arm keeps: the last, or with --val-every the best by held-out target mAP; costs no "
        "image beyond the tenth",
        "last",
    )
    data_fractions: tuple[float, ...] = flag(
        "training", "shares of the training images, nested, each an arm", (1.0,), "X[,X]"
    )
    augment: bool = flag(
        "training", "augment training images; without it they are only letterboxed, the same in every epoch", True
    )
    cache_features: bool = flag(
        "training",
        "with --no-augment: compute the frozen layers once per image, not once per epoch (takes disk)",
        False,
    )
    match_capacity: tuple[int, ...] = flag(
        "training",
        "also train deeper depths with as many trainable weights as these have: separates depth from capacity (recipe "
        "matched_N)",
        (),
        "N[,N]",
    )
    scratch: bool = flag("training", "also train from random weights, nothing frozen (recipe scratch)", False)
    tuned: tuple[str, ...] = flag(
        "data",
        "fine-tuned checkpoints that exist, measured as trained ones are: FILE (its freeze depth is found by comparing "
        "it with the base checkpoint), DEPTH=FILE, or DEPTH/SEED=FILE for several runs of one depth; * matches names; "
        "without --freeze nothing is trained",
        (),
        "[DEPTH[/SEED]=]FILE[,...]",
    )
    share: bool = flag("training", "depths on the same data train together: each batch and frozen layer once", True)
    train_args: dict[str, Any] = field(
        default_factory=dict,
        metadata={"group": "training", "help": "any other Ultralytics training argument", "metavar": "KEY=VALUE"},
    )

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """Every recipe of all depths."""
        replayed = (Recipe(REPLAY, share) for share in self.replay)
        interpolated = (Recipe(INTERPOLATE, alpha) for alpha in self.interpolate)
        return (*map(Recipe, self.recipe), *replayed, *interpolated)

    def depths(self, usual: tuple[int, ...]) -> tuple[int, ...]:
        """The freeze depths that are trained: those asked for, else the `usual` ones, and none beside `tuned` alone."""
        if self.freeze is not None:
            return self.freeze
        return () if self.tuned else usual

    def trainings(self, depths: tuple[int, ...]) -> list[tuple[int, Recipe]]:
        """Freeze depth and recipe of everything that is trained at these depths. Raises InputError."""
        for depth in self.match_capacity:
            if min(depths) >= depth:
                raise InputError(
                    f"match_capacity = {depth}: no freeze depth of this study ({', '.join(map(str, depths))}) is below "
                    f"{depth}, so none trains more weights; add a deeper one to --freeze, or leave it out."
                )
        matched = [(freeze, Recipe(MATCHED, d)) for freeze in depths for d in self.match_capacity if freeze < d]
        return [*product(depths, self.recipes), *matched, *([(0, SCRATCH)] if self.scratch else [])]


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """Where arms train."""

    executor: Literal["local", "ray"] = flag(
        "training", "where arms train: local, or ray (a folder that all nodes see holds data and output)", "local"
    )
    address: str | None = flag("training", "Ray cluster to join (default: one is started on this machine)")
    gpus_per_arm: float = flag("training", "share of a GPU that a training takes on Ray, with a CUDA device", 1.0)
    workers_per_node: int = flag("training", "trainings at a time on a Ray that is started on this machine's CPU", 2)


def check_training(options: TrainingOptions) -> None:
    """Raise InputError for the first training option that cannot be."""
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
        raise InputError(f"{unused[0]} is given but nothing is replayed; give --replay 0.05, or leave it out.")
    if options.replay_holdout and options.replay_set is not None:
        raise InputError("replay_set and replay_holdout are two sources of images to replay; give one of them.")
    if options.frozen_bn == "train" and options.interpolate:
        raise InputError("interpolate needs frozen layers that are the base model's; leave frozen_bn = eval.")
    check_tuned(options.tuned)
    if options.tuned and options.freeze is None:
        _check_nothing_to_train(options)
    _check_augmentation(options)
    _check_held_out(options)
    if options.lr_search < 0 or options.lr_search == 1:
        raise InputError(
            f"lr_search = {options.lr_search} is out of range; give 2 or more rates to try, or leave it out."
        )
    if options.lr_search and (options.lr0 is None or options.optimizer.lower() == "auto"):
        raise InputError("lr_search needs a rate to search around; give --optimizer AdamW --lr0 0.001, for example.")


def _check_nothing_to_train(options: TrainingOptions) -> None:
    """Checkpoints alone: an option that asks for trainings at freeze depths would be passed over in silence."""
    asked = {
        "recipe": options.recipe != (STATIC.name,),
        "data_fractions": options.data_fractions != (1.0,),
        **{name: bool(getattr(options, name)) for name in ("replay", "interpolate", "match_capacity", "lr_search")},
    }
    name = next((name for name, is_asked in asked.items() if is_asked), None)
    if name is not None:
        raise InputError(
            f"{name} is an option of training, and tuned without freeze trains nothing; add --freeze with the depths "
            "to train, or leave it out."
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
    """Raise InputError for a cluster that cannot be; `device` is where a training runs."""
    if options.gpus_per_arm <= 0 or options.workers_per_node < 1:
        raise InputError("gpus_per_arm must be above 0 and workers_per_node at least 1.")
    if options.executor == "ray" and device not in ("cpu", "cuda:0"):
        raise InputError(f"device = {device}: on Ray each training sees the GPU it was given as cuda:0; give that.")
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
        raise InputError(
            "cache_features needs images that are the same in every epoch; add --no-augment, or leave it out."
        )
    if options.frozen_bn == "train":
        raise InputError("cache_features needs frozen layers whose output does not change; leave frozen_bn = eval.")
