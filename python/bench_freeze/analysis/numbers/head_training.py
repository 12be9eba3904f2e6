"""Train a Detect head alone on the features of a frozen trunk, to see what can still be read from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...dualhead.model import predictions, run_layers
from ...dualhead.new_head import fresh_head as fresh_head
from ...errors import BenchFreezeError
from .budget import Budget
from .labelled import LabelledImages


class Trunk:
    """Layers 0..head-1 of a detector, in eval mode and frozen."""

    def __init__(self, detector: nn.Module, device: str) -> None:
        layers = deepcopy(detector.model).eval().to(device)
        self._layers, self._reads = list(layers)[:-1], list(layers[-1].f)
        self._kept = frozenset(detector.save) | frozenset(self._reads)
        self._device = device

    def features(self, images: NDArray[np.float32]) -> list[Tensor]:
        """The features that the head reads from images [B, 3, S, S]: one map [B, C, h, w] per level."""
        outputs: dict[int, Tensor] = {}
        with torch.no_grad():
            run_layers(self._layers, torch.as_tensor(images).to(self._device), outputs, self._kept)
        return [outputs[k] for k in self._reads]


def train_heads(
    trunk: Trunk,
    detector: nn.Module,
    heads: Sequence[nn.Module],
    epoch_batches: Callable[[int], Iterable[LabelledImages]],
    images: int,
    budget: Budget,
    device: str,
) -> list[nn.Module]:
    """Copies of `heads`, trained on the same features by Ultralytics' loss, in eval mode.

    `detector` is any detector with such a head. `epoch_batches(k)` gives the batches of epoch k, `images` images in an
    order of their own. Each batch's features are computed once for all heads. A final pass sets the running statistics
    of the heads' BatchNorms to those of all images: in a short training, moving averages stay halfway to the start.

    Raises BenchFreezeError if a loss is not finite.
    """
    students = [_Student(detector, head, device, budget, -(-images // budget.batch)) for head in heads]
    for epoch in range(budget.epochs):
        for batch in epoch_batches(epoch):
            features = trunk.features(batch.images)
            targets = {
                "batch_idx": torch.as_tensor(batch.image).float(),
                "cls": torch.as_tensor(batch.labels).float(),
                "bboxes": torch.as_tensor(batch.boxes_cxcywh).float(),
            }
            for student in students:
                student.learn(features, {name: value.to(device) for name, value in targets.items()})
    for student in students:
        student.forget_statistics()
    with torch.no_grad():
        for batch in epoch_batches(budget.epochs):
            features = trunk.features(batch.images)
            for student in students:
                student.head(features)
    return [student.head.eval() for student in students]


def head_output(head: nn.Module, features: list[Tensor]) -> NDArray[np.float32]:
    """A head's predictions, as `dualhead.model` describes them."""
    with torch.no_grad():
        raw: NDArray[np.float32] = predictions(head(list(features))).float().cpu().numpy()
    return raw


class _Student:
    def __init__(self, detector: nn.Module, head: nn.Module, device: str, budget: Budget, steps_per_epoch: int) -> None:
        from ultralytics.cfg import get_cfg

        # The loss reads the head's layout from a whole model, of which only the head runs.
        model = deepcopy(detector)
        model.model[-1] = deepcopy(head)
        model.args = get_cfg()
        model.to(device)
        self.head: nn.Module = model.model[-1].train()
        for name, parameter in self.head.named_parameters():
            parameter.requires_grad_(not name.startswith("dfl."))
        self._loss = model.init_criterion()
        own = [parameter for parameter in self.head.parameters() if parameter.requires_grad]
        self._optimizer = torch.optim.AdamW(own, budget.lr0, weight_decay=budget.weight_decay)
        self._schedule = torch.optim.lr_scheduler.LinearLR(
            self._optimizer, 1.0, 0.01, max(1, budget.epochs * steps_per_epoch)
        )

    def learn(self, features: list[Tensor], targets: dict[str, Tensor]) -> None:
        loss = self._loss(self.head(list(features)), targets)[0].sum()
        if not torch.isfinite(loss):
            raise BenchFreezeError(
                f"the loss of a head trained for --recover became {float(loss)}; look for wrong boxes in the base set."
            )
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.head.parameters(), 10.0)  # Ultralytics' own limit
        self._optimizer.step()
        self._schedule.step()

    def forget_statistics(self) -> None:
        """Reset the running statistics; the following passes set them, each batch with the same weight."""
        for module in self.head.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.reset_running_stats()
                module.momentum = None
