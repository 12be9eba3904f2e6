"""Recoverability: have the tuned features lost what the base head needs, or does the head just not read it any more?

Half of the base set trains heads for a few epochs on frozen features; the other half scores them. A head is trained
from a fresh start and from the original's weights, each on the tuned features and, as control, on the original ones.
Half of a small set trains a poor head even if nothing was lost, so each head is compared only with its control.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..console import Step
from ..data.dataset import DetectionSet
from ..data.subset import keep_images
from ..deployment.accuracy import score
from ..deployment.pipeline import Collector, image_boxes
from ..dualhead.branch import branch_key, choose_branch
from ..engines.base import Head
from ..engines.selection import select
from ..errors import InputError
from ..finetune.arm import load_tuned
from ..results.analysis import Recovery, Score
from .labelled import labelled_batches
from .numbers.budget import Budget
from .numbers.labelled import LabelledImages
from .trained import Trained

if TYPE_CHECKING:
    from torch.nn import Module

SPLIT_SEED = 0
LEAST_IMAGES = 8
HEADS = ("unchanged", "fresh", "realigned")


class Heads(Struct, frozen=True):
    """What the artifact keeps: heads on the trunk of one detector, by their names in HEADS."""

    budget: Budget
    scores: dict[str, Score]


def measure_recovery(trained: Trained) -> Recovery:
    """Base mAP of the original head, a fresh one and a realigned one, on tuned and original features.

    Raises InputError if the base set is too small to be halved.
    """
    whole = trained.inputs.base_set
    if len(whole.images) < LEAST_IMAGES:
        raise InputError(
            f"--recover halves the base set, and {whole.name} has {len(whole.images)} images; give at least "
            f"{LEAST_IMAGES}."
        )
    halves = [keep_images(whole, half) for half in two_halves(len(whole.images))]
    base = trained.inputs.base.model
    control = _trained_heads(trained, base, halves, f"train control heads for {trained.options.recover} epochs")
    tuned = _trained_heads(trained, load_tuned(trained.tuned).model, halves, f"recover {trained.name}")
    scores = {
        (side, name): heads.scores[name] for side, heads in (("control", control), ("tuned", tuned)) for name in HEADS
    }
    return Recovery(
        budget=asdict(tuned.budget),
        trained_images=len(halves[0].images),
        scored_images=len(halves[1].images),
        original=scores["control", "unchanged"],
        grafted=scores["tuned", "unchanged"],
        fresh=scores["tuned", "fresh"],
        fresh_control=scores["control", "fresh"],
        realigned=scores["tuned", "realigned"],
        realigned_control=scores["control", "realigned"],
    )


def two_halves(images: int) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Positions of the training and of the scoring images, the same for every arm and study of a base set."""
    learned, scored = np.array_split(np.random.default_rng(SPLIT_SEED).permutation(images), 2)
    return np.sort(learned), np.sort(scored)


def _trained_heads(trained: Trained, detector: Module, halves: list[DetectionSet], title: str) -> Heads:
    """Train heads on a detector's trunk. The key covers the trunk's tensors, so arms with the same trunk share them."""
    budget = Budget(trained.options.recover)
    classes = trained.inputs.base_classes
    key = {name: value for name, value in trained.key().items() if name not in ("tuned_sha256", "freeze", "frozen_bn")}
    key |= branch_key(trained.head_branch, trained.inputs.base.model)
    modules = trained.inputs.base.own_modules
    key |= {} if modules is None else {"own_modules": modules}  # fresh heads are built from these
    key |= {
        "trunk_sha256": _trunk_sha256(detector),
        "data_sha256": trained.inputs.base_set.sha256,
        "left_out": [list(classes.left_out_classes), list(classes.left_out_categories)],
        "settings": trained.selection.key(),
        "budget": asdict(budget),
        "split_seed": SPLIT_SEED,
    }

    def build(_: Path, step: Step) -> Heads:
        return Heads(budget, _train_and_score(trained, detector, halves, budget, step))

    return trained.kept_step(title, "recovery", key, build).value(Heads)


def _train_and_score(
    trained: Trained, detector: Module, halves: list[DetectionSet], budget: Budget, step: Step
) -> dict[str, Score]:
    from ..dualhead.model import head_kind
    from .numbers.head_training import Trunk, fresh_head, head_output, train_heads

    device, base = trained.options.device, deepcopy(trained.inputs.base.model)
    choose_branch(base, trained.head_branch)
    trunk = Trunk(detector, device)
    learned, scored = halves
    head_class = _head_class(trained)

    def epoch_batches(epoch: int) -> Iterator[LabelledImages]:
        order = np.random.default_rng((budget.seed, epoch)).permutation(len(learned.images))
        for batch in labelled_batches(
            learned, imgsz=trained.options.imgsz, batch=budget.batch, workers=trained.options.workers, order=order
        ):
            yield replace(batch, labels=head_class[batch.labels])
        step(epoch + 1, budget.epochs + 1)

    starts = [fresh_head(base, budget.seed), base.model[-1]]
    new = train_heads(trunk, base, starts, epoch_batches, len(learned.images), budget, device)
    heads = dict(zip(HEADS, [deepcopy(base.model[-1]).eval().to(device), *new], strict=True))
    options = trained.selection
    card = Head("base", trained.inputs.base.class_names, head_kind(base))  # type: ignore[arg-type]
    collectors = {name: Collector() for name in heads}
    for batch in trained.batches(scored.images):
        features = trunk.features(batch.images)
        for name, head in heads.items():
            found = select(head_output(head, features), card, options)
            collectors[name].add(batch.start, found, image_boxes(found, batch.letterboxes))
    accuracies = {
        name: score(c.detections(), trained.inputs.base_classes, scored).accuracy for name, c in collectors.items()
    }
    return {name: Score(map=accuracy.map, map50=accuracy.map50) for name, accuracy in accuracies.items()}


def _head_class(trained: Trained) -> NDArray[np.int64]:
    """[K] the base head's class of each category of the base set."""
    head_to_data = trained.inputs.base_classes.head_to_data
    classes = np.full(len(trained.inputs.base_set.class_names), -1, np.int64)
    classes[head_to_data[head_to_data >= 0]] = np.flatnonzero(head_to_data >= 0)
    return classes


def _trunk_sha256(detector: Module) -> str:
    digest = hashlib.sha256()
    for layer in list(detector.model)[:-1]:
        for name, tensor in layer.state_dict().items():
            digest.update(f"{layer.i}.{name}".encode() + tensor.cpu().numpy().tobytes())
    return digest.hexdigest()
