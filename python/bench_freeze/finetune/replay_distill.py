"""Trainees that preserve the base task while the shared layers train: replay and distillation.

In a grafted model the original base head reads the tuned neck, so both recipes constrain the features that this head
reads, and never change the head itself.

replay   Base images run through the tuned layers together with the target images (one forward pass, so that BatchNorm
         sees the mixture). The frozen original head's own detection loss on the base images is added to the target
         loss. Both losses are sums over images, as if the batch were one. A share of the replay images is kept in
         memory; every epoch uses each of them once, spread evenly over its batches.
distill  The features that the head reads on target images are pulled towards the base model's. The added loss is the
         mean over the levels of |tuned - base|^2 / |base|^2, times the number of images, times the weight. Both models
         normalize the layers that train by the batch's statistics, so the distance starts at exactly 0.

If only the head trains, both do nothing: no layer that the base head reads can change.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy, deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from ..config.recipe import Stage
from ..data.dataset import DetectionSet
from ..dualhead.model import run_layers
from .data_order import generator_states, restore_generators
from .trainee import Trainee, run_trunk
from .trainer import FreezeTrainer
from .training_data import Batch, CheckedDataset


class DistillTrainee(Trainee):
    """A trainee whose features are kept close to the base model's."""

    def __init__(
        self, name: str, trainer: FreezeTrainer, stages: tuple[Stage, ...], base: nn.Module, weight: float
    ) -> None:
        super().__init__(name, trainer, stages)
        self._base = frozen_copy(base, trainer)
        _normalise_by_batch(self._base, self.freeze)
        self._weight = weight

    def losses(self, batch: Batch, trunk: dict[int, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The detection loss, plus the weighted distance to the base model's features."""
        head = self.detector.model[-1]
        if self.shared_depth >= head.i:
            return super().losses(batch, trunk)
        features = head_inputs(self.detector, self.shared_depth, batch["img"], trunk)
        with torch.no_grad():
            wanted = head_inputs(self._base, self.shared_depth, batch["img"], trunk)
        loss, items = self.detector.loss(batch, head(list(features)))
        distances = [
            (own.float() - base.float()).square().sum() / base.float().square().sum().clamp_min(1e-12)
            for own, base in zip(features, wanted, strict=True)
        ]
        distance = torch.stack(distances).mean()
        added = self._weight * distance * len(batch["img"])
        return torch.cat([loss.reshape(-1), added.reshape(1)]), {**items, "distill_loss": distance.detach()}


class ReplayTrainee(Trainee):
    """A trainee that also trains on base images, with the loss of the original head."""

    def __init__(
        self,
        name: str,
        trainer: FreezeTrainer,
        stages: tuple[Stage, ...],
        base: nn.Module,
        replayed: DetectionSet,
        seed: int,
    ) -> None:
        super().__init__(name, trainer, stages)
        self._base = frozen_copy(base, trainer)
        self._base.model[-1].training = True  # raw outputs, which the loss needs; its BatchNorm stays in eval mode
        self._criterion = self._base.init_criterion()
        self._images = ReplayImages(replayed, trainer, seed)
        self._position = (0, 0)

    def train_batch(self, i: int, epoch: int, batch: Batch, trunk: dict[int, Tensor]) -> None:
        """Train one batch; `losses` draws the replay images for this position."""
        self._position = (epoch, i)
        super().train_batch(i, epoch, batch, trunk)

    def losses(self, batch: Batch, trunk: dict[int, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The target loss, plus the original head's loss on the replayed images."""
        head = self.detector.model[-1]
        replayed = self._images.batch(*self._position, self._batches)
        if replayed is None or self.shared_depth >= head.i:
            loss, items = super().losses(batch, trunk)
            return loss, {**items, "replay_loss": torch.zeros(())}
        replayed = {k: v.to(self.trainer.device) if isinstance(v, Tensor) else v for k, v in replayed.items()}
        images = _resized_like(replayed["img"].float() / 255, batch["img"])
        own = run_trunk(self.detector, self.shared_depth, images, frozenset(trunk))
        mixed = {layer: torch.cat([output, own[layer]]) for layer, output in trunk.items() if layer < self.shared_depth}
        features = head_inputs(self.detector, self.shared_depth, torch.cat([batch["img"], images]), mixed)
        count = len(batch["img"])
        loss, items = self.detector.loss(batch, head([level[:count] for level in features]))
        on_base = self._base.model[-1]([level[count:] for level in features])
        base_loss, _ = self._criterion(on_base, {**replayed, "img": images})
        added = base_loss.sum()
        return torch.cat([loss.reshape(-1), added.reshape(1)]), {**items, "replay_loss": added.detach() / len(images)}


class ReplayImages:
    """Replay images in batches. A batch depends only on the seed, epoch and step, so no state has to be saved.

    The images are augmented like the target images, but without mosaic, mixup and the like: those would mix in
    whichever images happen to be in memory.
    """

    def __init__(self, replayed: DetectionSet, trainer: FreezeTrainer, seed: int) -> None:
        settings = copy(trainer.args)
        settings.mosaic = settings.mixup = settings.cutmix = settings.copy_paste = 0.0
        self._dataset = CheckedDataset(
            replayed,
            decoded=trainer.decoded_images(replayed, workers=0),  # read in this process, not by the loader's workers
            imgsz=settings.imgsz,
            batch_size=1,
            augment=trainer.augments,
            hyp=settings,
            rect=False,
            cache=None,
            single_cls=False,
            stride=trainer.stride,
            pad=0.0,
            prefix="replay: ",
            task="detect",
            data={"names": dict(enumerate(replayed.class_names)), "nc": len(replayed.class_names), "channels": 3},
            fraction=1.0,
        )
        self._seed = seed

    def batch(self, epoch: int, step: int, steps: int) -> Batch | None:
        """The replay images of one of an epoch's `steps`; None if no image falls on this step."""
        count = len(self._dataset)
        order = np.random.default_rng((self._seed, epoch)).permutation(count)
        chosen = order[count * step // steps : count * (step + 1) // steps]
        if not len(chosen):
            return None
        with _generators_seeded(int(np.random.SeedSequence((self._seed, epoch, step)).generate_state(1)[0])):
            samples = [self._dataset[int(k)] for k in chosen]
        batch: Batch = self._dataset.collate_fn(samples)
        return batch


def frozen_copy(base: nn.Module, trainer: FreezeTrainer) -> nn.Module:
    """A copy of the base model for use in a training: on its device, in eval mode, without gradients."""
    model: nn.Module = deepcopy(base).to(trainer.device).eval()
    model.args = trainer.args  # the gains of the loss
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model


def _normalise_by_batch(model: nn.Module, first: int) -> None:
    """Let BatchNorm of layers `first`.. normalize by the batch, as in training, without updating its statistics."""
    for layer in model.model[first:]:
        for module in layer.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.momentum = 0.0
                module.train()


def head_inputs(detector: nn.Module, depth: int, images: Tensor, trunk: dict[int, Tensor]) -> list[Tensor]:
    """The features that a detector's head reads, with the outputs of layers 0..depth-1 given by `trunk`."""
    head = detector.model[-1]
    outputs = {layer: output for layer, output in trunk.items() if layer < depth}
    kept = frozenset(detector.save) | frozenset(head.f)
    run_layers(detector.model[depth:-1], outputs.get(depth - 1, images), outputs, kept)
    return [outputs[layer] for layer in head.f]


def _resized_like(images: Tensor, others: Tensor) -> Tensor:
    if images.shape[2:] == others.shape[2:]:
        return images
    return torch.nn.functional.interpolate(images, size=others.shape[2:], mode="bilinear", align_corners=False)


@contextmanager
def _generators_seeded(seed: int) -> Iterator[None]:
    """Seed the random generators within this block, and restore the training's states afterwards."""
    before = generator_states(cuda=False)
    try:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  (the generator that Ultralytics draws from)
        torch.default_generator.manual_seed(seed)
        yield
    finally:
        restore_generators(before)
