"""One arm of a study: its options, everything that its weights depend on, and the artifact that keeps its result."""

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

KIND = "tuned"  # the artifact's kind
CHECKPOINT = "tuned.pt"
EPOCHS = "epochs.csv"  # per epoch: mean losses, learning rates, and the seconds spent on this arm so far


@dataclass(frozen=True)
class Arm:
    """A freeze depth, a seed, a recipe, the share of the training images that it sees, and a checkpoint's name."""

    freeze: int
    seed: int
    recipe: Recipe = STATIC
    data_fraction: float = 1.0
    lr0: float | None = None  # chosen by a search; None means the study's lr0
    weights: str | None = None  # the checkpoint's name in a study of several; the key has its hash instead

    @property
    def data_order(self) -> tuple[int, float, bool]:
        """Arms with equal values see the same batches. Scratch differs: its weights draw from the same generators."""
        return self.seed, self.data_fraction, self.recipe == SCRATCH

    @property
    def alpha(self) -> float | None:
        """The weight of the tuned model in an interpolated arm; None for one that trains."""
        return self.recipe.amount if self.recipe.family == INTERPOLATE else None

    @property
    def matched_depth(self) -> int | None:
        """The freeze depth whose number of trainable weights this arm matches; None for every other recipe."""
        amount = self.recipe.amount
        return int(amount) if self.recipe.family == MATCHED and amount is not None else None

    @property
    def source(self) -> Arm:
        """The arm whose training gives the weights: itself, or the static arm if this one is interpolated."""
        return self if self.alpha is None else replace(self, recipe=STATIC)

    @property
    def name(self) -> str:
        """The arm's name in messages and titles."""
        rate = "" if self.lr0 is None else f" lr0 {self.lr0:g}"
        return self._named(f" seed {self.seed}") + rate

    @property
    def name_of_all_seeds(self) -> str:
        """One name for this arm and all that differ from it only in the seed or in a learning rate from a search."""
        return self._named("")

    def _named(self, seed: str) -> str:
        recipe = "" if self.recipe == STATIC else f" {self.recipe.name}"
        share = "" if self.data_fraction == 1 else f" on {self.data_fraction:g} of the images"
        whose = "" if self.weights is None else f"{self.weights} "
        return f"{whose}freeze {self.freeze}{seed}{recipe}{share}"


def requested_arguments(training: TrainingOptions, arm: Arm) -> dict[str, object]:
    """The training arguments that the user asked for, by Ultralytics' names."""
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
            continue  # Ultralytics was to choose; its choice is among the effective arguments
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
    """Return everything that an arm's weights depend on. Most options appear only if they differ from their default.

    `replay_sha256` is the hash of the base images that a replay arm sees again.
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
    """The recipe and the options that affect it; empty for a static arm that uses none."""
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
    """The stages of an arm: the freeze depth from each epoch on. Raises InputError if they do not fit the epochs."""
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
    """Load an artifact's fine-tuned detector and verify its hash. Raises InputError if the file has changed."""
    path = artifact.path(CHECKPOINT)
    loaded = load_checkpoint(path, own=True)
    if loaded.sha256 != artifact.sha256(CHECKPOINT):
        raise InputError(f"{path} changed while it was in use; run the same command again.")
    return loaded
