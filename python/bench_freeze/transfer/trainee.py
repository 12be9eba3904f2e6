"""A backbone that is fine-tuned: its first layers frozen, all others training, one linear reader on top."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..dualhead.backbone import Backbone
from ..dualhead.model import run_layers

Rows = Callable[[list[Tensor]], Tensor]  # what a reader reads of all layers' maps: [B h w, C]

START = 0.01  # deviation of a reader's weights when it starts
LEAST_DEVIATION = 0.1  # of the typical channel's: one that hardly varies at first must not explode later


class Layers(nn.Module):
    """A copy of layers 0..end-1 of a backbone, named as in the checkpoint; 0..freeze-1 are frozen."""

    def __init__(self, backbone: Backbone, freeze: int) -> None:
        super().__init__()
        self.model = deepcopy(backbone.model.model[: backbone.end])
        self.save = list(backbone.model.save)
        self.freeze = freeze
        for k, layer in enumerate(self.model):
            for parameter in layer.parameters():
                parameter.requires_grad_(k >= freeze and parameter.dtype.is_floating_point)

    def forward(self, images: Tensor) -> list[Tensor]:
        """What every layer puts out, [B, C, h, w] each, of images [B, 3, S, S], RGB, 0 to 1."""
        x, kept, outputs = images, dict[int, Tensor](), list[Tensor]()
        for layer in self.model:
            x = run_layers([layer], x, kept, frozenset(self.save))
            outputs.append(x)
        return outputs

    def train(self, mode: bool = True) -> Layers:
        """Training mode for what trains; a frozen layer stays a fixed function of its input."""
        super().train(mode)
        for layer in self.model[: self.freeze]:
            layer.eval()
        return self

    def scale(self, batches: Iterable[NDArray[np.float32]], rows_of: Rows, device: str) -> tuple[Tensor, Tensor]:
        """`scale_of` what a reader reads of batches [B, 3, S, S] in training mode, where the training starts."""
        self.train()
        with torch.no_grad():
            return scale_of(torch.cat([rows_of(self(torch.as_tensor(images).to(device))) for images in batches]))

    def measure_statistics(self, batches: Iterable[NDArray[np.float32]], device: str) -> None:
        """Set the statistics of BatchNorm in layers that trained to their means over batches [B, 3, S, S].

        What a training leaves there is a moving average, which a few steps do not move from where they began: random
        weights, or a pre-training on a small share, would be scored with statistics of another network (Wu and Johnson,
        "Rethinking 'Batch' in BatchNorm", 2021).
        """
        norms = [
            module
            for layer in self.model[self.freeze :]
            for module in layer.modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats
        ]
        if not norms:
            return
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean
        self.train()
        with torch.no_grad():
            for images in batches:
                self(torch.as_tensor(images).to(device))
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


class LinearReader(nn.Module):
    """Logits [R, K] of rows [R, C]: one linear map of features, scaled as they are where the training starts.

    The scale is the source's own, so large features do not learn faster than small ones. Weights follow from the seed
    alone: equally many features start with the same reader, whatever the source.
    """

    def __init__(self, mean: Tensor, deviation: Tensor, classes: int, seed: int) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        self.weights = nn.Parameter(torch.randn(len(mean), classes, generator=random) * START)
        self.bias = nn.Parameter(torch.zeros(classes))
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, rows: Tensor) -> Tensor:
        """The logits."""
        logits: Tensor = (rows - self.mean) / self.deviation @ self.weights + self.bias
        return logits


def scale_of(rows: Tensor) -> tuple[Tensor, Tensor]:
    """([C], [C]) mean and deviation of every column of [R, C]."""
    mean, variance = rows.mean(dim=0), rows.var(dim=0, correction=0)
    least = LEAST_DEVIATION * variance.mean().sqrt()
    deviation = variance.sqrt().clamp_min(float(least) or 1.0)
    return mean, deviation
