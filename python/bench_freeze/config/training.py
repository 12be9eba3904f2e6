"""The training options of a study, and where trainings run; `training_rules.py` has their rules."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Literal

from ..errors import InputError
from ..results.recipe import INTERPOLATE, MATCHED, REPLAY, SCRATCH, STATIC, Recipe
from .common import CommonOptions, flag
from .recipe import RECIPES

HeadInit = Literal["reinit", "shape_match", "width_preserving", "name_remap"]
FrozenBatchNorm = Literal["eval", "train"]

# Ultralytics' augmentation arguments, turned off; the others that it lists are for classification.
NO_AUGMENTATION: dict[str, Any] = {
    **dict.fromkeys(("mosaic", "mixup", "cutmix", "copy_paste", "hsv_h", "hsv_s", "hsv_v", "degrees"), 0.0),
    **dict.fromkeys(("translate", "scale", "shear", "perspective", "flipud", "fliplr", "bgr", "multi_scale"), 0.0),
    "close_mosaic": 0,
}


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(CommonOptions):
    """Options of trainings."""

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
        "initialisation of the new head: reinit, shape_match, width_preserving, name_remap (Ultralytics' own)",
        "name_remap",
    )
    frozen_bn: FrozenBatchNorm = flag(
        "training", "running statistics of frozen BatchNorm layers: eval keeps them, train updates them", "eval"
    )
    lr_search: int = flag(
        "training",
        "number of learning rates around lr0 to try for every arm, on a held-out fifth of its training images",
        0,
    )
    unfreeze_schedule: str | None = flag(
        "training", "stages of recipe gradual (default: equal shares of the epochs)", None, "DEPTH@EPOCH[,...]"
    )
    lp_share: float = flag("training", "share of the epochs in which recipe lp_ft trains only the head", 0.3)
    layer_decay: float = flag(
        "training", "ratio of a layer's learning rate to that of the next layer; 1 gives all layers the same", 1.0
    )
    replay: tuple[float, ...] = flag(
        "training", "add arms that also train on this share of the replay images (recipe replay_SHARE)", (), "X[,X]"
    )
    replay_set: str | None = flag(
        "data", "base images to replay: COCO json or data yaml (default: the train split of a base yaml)"
    )
    replay_images: str | None = flag("data", "image folder of a COCO json replay set")
    replay_holdout: float = flag("data", "share of the base images to replay instead of scoring them", 0.0)
    distill_weight: float = flag("training", "loss weight of the distance to the base features (recipe distill)", 1.0)
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
        "score each arm every N epochs: target mAP on a held-out tenth of the training images, on which no arm then "
        "trains, and base mAP of the graft (0: never)",
        0,
    )
    patience: int = flag(
        "training",
        "with --val-every: stop an arm whose held-out target mAP has not risen for N epochs (0: never); needs no "
        "further images",
        0,
    )
    keep: Literal["last", "best"] = flag(
        "training",
        "which epoch's weights to keep: the last, or with --val-every the best by held-out target mAP; needs no "
        "further images",
        "last",
    )
    budget: str | None = flag(
        "training",
        "training budget: a time (2h, 30m), or a percentage of the time that all trainings take in full. Arms race: "
        "all begin on one seed, the least promising ones on a held-out tenth of the training images stop, and the best "
        "get more seeds",
        None,
        "TIME|SHARE",
    )
    data_fractions: tuple[float, ...] = flag(
        "training", "shares of the training images, nested; each is an arm", (1.0,), "X[,X]"
    )
    augment: bool = flag(
        "training", "augment training images; otherwise they are only letterboxed, the same in every epoch", True
    )
    cache_features: bool = flag(
        "training",
        "with --no-augment: compute the frozen layers once per image, not once per epoch (takes disk space)",
        False,
    )
    match_capacity: tuple[int, ...] = flag(
        "training",
        "also train deeper depths with only as many trainable weights as these depths have, to separate depth from "
        "capacity (recipe matched_N)",
        (),
        "N[,N]",
    )
    scratch: bool = flag("training", "also train from random weights, nothing frozen (recipe scratch)", False)
    scratch_epochs: int | None = flag(
        "training", "epochs of recipe scratch, which may need more than pre-trained weights (default: epochs)", None
    )
    tuned: tuple[str, ...] = flag(
        "data",
        "existing fine-tuned checkpoints, measured like trained ones: FILE (its freeze depth is found by comparison "
        "with the base checkpoint), DEPTH=FILE, or DEPTH/SEED=FILE for several runs of one depth; * matches names; "
        "without --freeze nothing is trained",
        (),
        "[DEPTH[/SEED]=]FILE[,...]",
    )
    share: bool = flag(
        "training",
        "train depths on the same data together: each batch is loaded once, each shared frozen layer computed once",
        True,
    )
    train_args: dict[str, Any] = field(
        default_factory=dict,
        metadata={"group": "training", "help": "any other training argument of Ultralytics", "metavar": "KEY=VALUE"},
    )

    @property
    def holds_out(self) -> bool:
        """Whether a tenth of the training images is held out to score arms during training."""
        return bool(self.val_every) or self.budget is not None

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """All recipes."""
        replayed = (Recipe(REPLAY, share) for share in self.replay)
        interpolated = (Recipe(INTERPOLATE, alpha) for alpha in self.interpolate)
        return (*map(Recipe, self.recipe), *replayed, *interpolated)

    def of(self, recipe: Recipe) -> TrainingOptions:
        """The options of a recipe's trainings; those from random weights may have their own number of epochs."""
        if recipe != SCRATCH or self.scratch_epochs is None:
            return self
        return replace(self, epochs=self.scratch_epochs, scratch_epochs=None)

    def depths(self, usual: tuple[int, ...]) -> tuple[int, ...]:
        """The freeze depths to train: those given, else the `usual` ones; none if only `tuned` is given."""
        if self.freeze is not None:
            return self.freeze
        return () if self.tuned else usual

    def trainings(self, depths: tuple[int, ...]) -> list[tuple[int, Recipe]]:
        """Freeze depth and recipe of all trainings at these depths. Raises InputError."""
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
    """Options for where arms train."""

    executor: Literal["local", "ray"] = flag(
        "training", "where arms train: local, or ray (data and output must be in a folder shared by all nodes)", "local"
    )
    address: str | None = flag("training", "Ray cluster to join (default: start one on this machine)")
    gpus_per_arm: float = flag("training", "share of a GPU per training on Ray, with a CUDA device", 1.0)
    workers_per_node: int = flag("training", "concurrent trainings on a Ray cluster on this machine's CPU", 2)
