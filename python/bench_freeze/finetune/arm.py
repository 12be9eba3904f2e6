"""One arm of a study: what is asked for, what its weights depend on, what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..artifact import Artifact
from ..config.recipe import Stage, stages_of
from ..config.training import NO_AUGMENTATION, TrainingOptions
from ..dualhead.checkpoint import Checkpoint, load_checkpoint
from ..dualhead.layers import LayerMap
from ..errors import InputError
from ..results.recipe import DISTILL, GRADUAL, INTERPOLATE, LP_FT, MATCHED, SCRATCH, STATIC, Recipe
from .precision import AUTO, is_as_asked

KIND = "tuned"  # of the artifact
CHECKPOINT = "tuned.pt"
EPOCHS = "epochs.csv"  # mean losses and learning rates per epoch, seconds of this arm's own work so far


@dataclass(frozen=True)
class Arm:
    """A freeze depth, a seed, a recipe, the share of the training images that are seen, and a checkpoint's name."""

    freeze: int
    seed: int
    recipe: Recipe = STATIC
    data_fraction: float = 1.0
    lr0: float | None = None  # chosen by a search; None is the study's
    weights: str | None = None  # what the checkpoint is called in a study of several: its hash stands in the key

    @property
    def data_order(self) -> tuple[int, float, bool]:
        """Arms in which this is equal see the same batches (random weights draw from the same generators)."""
        return self.seed, self.data_fraction, self.recipe == SCRATCH

    @property
    def alpha(self) -> float | None:
        """The weight of the tuned model in an interpolated arm; None for one that trains."""
        return self.recipe.amount if self.recipe.family == INTERPOLATE else None

    @property
    def matched_depth(self) -> int | None:
        """The freeze depth whose number of trainable weights an arm of matched capacity keeps to."""
        amount = self.recipe.amount
        return int(amount) if self.recipe.family == MATCHED and amount is not None else None

    @property
    def source(self) -> Arm:
        """The training that this arm is made from: itself, or the static one for an interpolated arm."""
        return self if self.alpha is None else replace(self, recipe=STATIC)

    @property
    def name(self) -> str:
        """The arm in a message or a title."""
        rate = "" if self.lr0 is None else f" lr0 {self.lr0:g}"
        return self._named(f" seed {self.seed}") + rate

    @property
    def name_of_all_seeds(self) -> str:
        """What it is called together with the arms that differ in nothing but the seed, and in a rate searched for."""
        return self._named("")

    def _named(self, seed: str) -> str:
        recipe = "" if self.recipe == STATIC else f" {self.recipe.name}"
        share = "" if self.data_fraction == 1 else f" on {self.data_fraction:g} of the images"
        whose = "" if self.weights is None else f"{self.weights} "
        return f"{whose}freeze {self.freeze}{seed}{recipe}{share}"


def requested_arguments(training: TrainingOptions, arm: Arm) -> dict[str, object]:
    """The training arguments that the user asked for, in Ultralytics' names."""
    asked: dict[str, object] = {
        "epochs": training.epochs,
        "batch": training.train_batch,
        "imgsz": training.imgsz,
        "optimizer": training.optimizer,
        "freeze": arm.freeze,
        "seed": arm.seed,
        "amp": AUTO if training.device.startswith("cuda") else False,
        "deterministic": True,
    }
    if not training.augment:
        asked |= NO_AUGMENTATION
    lr0 = training.lr0 if arm.lr0 is None else arm.lr0
    if lr0 is not None:
        asked["lr0"] = lr0
    return asked | dict(training.train_args)


def changed_arguments(
    requested: Mapping[str, object], effective: Mapping[str, object]
) -> dict[str, tuple[object, object]]:
    """Arguments that did not run as asked: name -> (requested, effective)."""
    changed = {}
    for name, asked in requested.items():
        got = effective.get(name, asked)
        if name == "optimizer" and str(asked).lower() == "auto":
            continue  # a choice was asked for; what was chosen stands among the effective arguments
        if name == "amp" and is_as_asked(asked, got):
            continue
        alike = str(got).lower() == str(asked).lower() if isinstance(asked, str) else got == asked
        if not alike:
            changed[name] = (asked, got)
    return changed


def training_inputs(
    training: TrainingOptions,
    arm: Arm,
    weights_sha256: str,
    data_sha256: str,
    versions: Mapping[str, object],
    replay_sha256: str | None = None,
) -> dict[str, object]:
    """Everything that an arm's weights depend on; an option counts only where it differs from its default.

    `replay_sha256` is of the base images that a replay arm sees again.
    """
    inputs: dict[str, object] = {
        "weights_sha256": weights_sha256,
        "data_sha256": data_sha256,
        "arguments": requested_arguments(training, arm),
        "head_init": training.head_init,
        "frozen_bn": training.frozen_bn,
        "device": training.device.partition(":")[0],
        "versions": dict(versions),
    }
    if training.cache_features and arm.freeze:
        inputs["cache_features"] = True  # the last digits differ
    recipe = recipe_options(training, arm)
    if replay_sha256 is not None:
        recipe["memory_sha256"] = replay_sha256
    return inputs | {"recipe": recipe} if recipe else inputs


def recipe_options(training: TrainingOptions, arm: Arm) -> dict[str, object]:
    """The recipe with the options that bear on it; empty for a static arm that uses none."""
    options: dict[str, object] = {} if arm.recipe == STATIC else {"name": arm.recipe.name}
    if training.layer_decay != 1:
        options["layer_decay"] = training.layer_decay
    if arm.recipe == DISTILL:
        options["weight"] = training.distill_weight
    if arm.recipe == LP_FT:
        options["lp_share"] = training.lp_share
    if arm.recipe == GRADUAL and training.unfreeze_schedule is not None:
        options["unfreeze_schedule"] = training.unfreeze_schedule
    return options


def arm_stages(training: TrainingOptions, arm: Arm, layers: LayerMap) -> tuple[Stage, ...]:
    """Which layers are frozen from which epoch on. Raises InputError when the stages do not fit in the epochs."""
    return stages_of(
        arm.recipe,
        arm.freeze,
        head=layers.head,
        depths=layers.default_depths(),
        epochs=training.epochs,
        lp_share=training.lp_share,
        schedule=training.unfreeze_schedule,
    )


def load_tuned(artifact: Artifact) -> Checkpoint:
    """The fine-tuned detector of an artifact, verified. Raises InputError when it changed since it was found."""
    path = artifact.path(CHECKPOINT)
    loaded = load_checkpoint(path, own=True)
    if loaded.sha256 != artifact.sha256(CHECKPOINT):
        raise InputError(f"{path} changed while it was in use; run the same command again.")
    return loaded
