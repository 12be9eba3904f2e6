"""A learning rate search for every arm, on a part of the training split that the search trainings do not see.

Each arm gets `lr_search` short trainings, all in lockstep, on four fifths of the training images and for EPOCH_SHARE of
the epochs (at least one). The rates lie half a decade apart around lr0, with more of them below it. Each rate is judged
by the mean detection loss per image on the last fifth, without augmentation. The scored split is never used. The arm is
then trained again from the start, on all training images.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import nn
from ultralytics.cfg import get_cfg

from ..artifact import Artifact, ArtifactStore
from ..config.training import TrainingOptions
from ..console import Tell, nobody
from ..data.dataset import DetectionSet
from ..data.subset import keep_images, nested_order
from ..dualhead.checkpoint import Checkpoint
from ..errors import InputError
from .arm import CHECKPOINT, Arm, load_tuned
from .training import OnEpoch, fine_tune_all_that_can
from .training_data import CheckedDataset

EPOCH_SHARE = 0.2
HELD_OUT = 0.2


@dataclass(frozen=True)
class Search:
    """The search for one arm: the rates tried, each with its loss (None if it was not finite), and the chosen rate."""

    arm: Arm
    candidates: tuple[tuple[float, float | None], ...]
    chosen: float
    epochs: int
    images: int
    held_out: int

    def facts(self) -> dict[str, object]:
        """The search as plain values for the results."""
        own = asdict(self)
        arm = own.pop("arm")
        arm.pop("lr0")
        if self.arm.weights is None:
            arm.pop("weights")
        return {**arm, **own, "candidates": [{"lr0": rate, "loss": loss} for rate, loss in self.candidates]}


def candidate_rates(lr0: float, count: int) -> tuple[float, ...]:
    """`count` rates, half a decade apart and including lr0: for 4 and 0.01 these are 0.001, 0.00316, 0.01, 0.0316.

    Rates above 1, which Ultralytics rejects, are left out.
    """
    rates = (float(f"{lr0 * 10 ** (k / 2):.3g}") for k in range(-(count // 2), count - count // 2))
    return tuple(rate for rate in rates if rate <= 1)


def search_rates(
    training: TrainingOptions,
    arms: list[Arm],
    base: Checkpoint,
    data: DetectionSet,
    store: ArtifactStore,
    on_epoch: OnEpoch,
    replay: DetectionSet | None = None,
    on_batch: Tell = nobody,
) -> tuple[list[Search], bool]:
    """Search a rate for each arm; the arms share a data order. Second: whether anything had to be computed.

    Raises InputError if no image can be held out.
    """
    assert training.lr0 is not None  # checked with the study's options
    order = nested_order(data, arms[0].seed)
    held_out = max(1, round(HELD_OUT * len(order)))
    if held_out >= len(order):
        raise InputError(f"{data.name}: with {len(order)} training image(s) none can be held out for --lr-search.")
    seen = keep_images(data, order[:-held_out].tolist())
    unseen = keep_images(data, order[-held_out:].tolist())
    epochs = max(1, round(EPOCH_SHARE * training.epochs))
    short = replace(training, epochs=epochs, val_every=0, patience=0, keep="last")
    rates = candidate_rates(training.lr0, training.lr_search)
    tried = [replace(arm, lr0=rate) for arm in arms for rate in rates]
    made, new = fine_tune_all_that_can(short, tried, base, seen, store, on_epoch, replay, on_batch)
    losses = {}
    for arm, tuned in made.items():
        losses[arm], measured = _loss(tuned, unseen, training, store)
        new = new or measured
    budget = {"epochs": short.epochs, "images": len(seen.images), "held_out": held_out}
    return [choose(arm, rates, losses, **budget) for arm in arms], new


def choose(arm: Arm, rates: tuple[float, ...], losses: dict[Arm, float], **budget: int) -> Search:
    """Choose the rate with the lowest loss. Raises InputError if no candidate has a finite loss."""
    candidates = tuple((rate, losses.get(replace(arm, lr0=rate))) for rate in rates)
    finite = [(loss, rate) for rate, loss in candidates if loss is not None]
    if not finite:
        raise InputError(f"the loss of {arm.name} was not finite at any rate of {rates}; give a lower --lr0.")
    return Search(arm, candidates, min(finite)[1], **budget)


def _loss(tuned: Artifact, data: DetectionSet, training: TrainingOptions, store: ArtifactStore) -> tuple[float, bool]:
    inputs = {"tuned_sha256": tuned.sha256(CHECKPOINT), "data_sha256": data.sha256, "imgsz": training.imgsz}
    kept, new = store.produce("loss", inputs, partial(_measure, tuned, data, training))
    return float(kept.facts["loss"]), new


def _measure(tuned: Artifact, data: DetectionSet, training: TrainingOptions, folder: Path) -> dict[str, object]:
    return {"loss": detection_loss(load_tuned(tuned).model, data, training)}


def detection_loss(model: nn.Module, data: DetectionSet, training: TrainingOptions) -> float:
    """Mean detection loss per image in eval mode: box, class and distribution terms with Ultralytics' default gains."""
    model = model.to(torch.device(training.device)).eval()
    model.args = get_cfg()
    dataset = CheckedDataset(
        data,
        imgsz=training.imgsz,
        batch_size=training.train_batch,
        augment=False,
        hyp=model.args,
        rect=False,
        cache=None,
        single_cls=False,
        stride=32,
        pad=0.0,
        prefix="held out: ",
        task="detect",
        data={"names": dict(enumerate(data.class_names)), "nc": len(data.class_names), "channels": 3},
        fraction=1.0,
    )
    total = 0.0
    with torch.no_grad():
        for start in range(0, len(dataset), training.train_batch):
            stop = min(start + training.train_batch, len(dataset))
            batch = dataset.collate_fn([dataset[k] for k in range(start, stop)])
            batch["img"] = batch["img"].to(training.device).float() / 255
            loss, _ = model.loss(batch, model(batch["img"]))
            total += float(loss.sum())
    return total / len(dataset)
