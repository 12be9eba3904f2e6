"""Drift: how far each layer of a tuned detector moved from the base model's, in weights, statistics and activations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...results.analysis import Shift
from .cka import LinearCka
from .layer_drift import ActivationDrift, TensorDrift
from .shift import ShiftSum
from .two_models import TwoModels

GRID = 16  # at most 16 x 16 positions of an image are compared, evenly spaced


def tensor_drift(base: nn.Module, tuned: nn.Module) -> list[TensorDrift]:
    """The drift of weights and statistics of every numbered layer but the last, from base to tuned."""
    pairs = zip(list(base.model)[:-1], list(tuned.model)[:-1], strict=True)
    return [_layer_tensors(own.state_dict(), theirs.state_dict()) for own, theirs in pairs]


def activation_drift(
    lockstep: TwoModels, batches: Iterable[NDArray[np.float32]], on_batch: Callable[[int], None]
) -> list[ActivationDrift]:
    """The drift of activations of every numbered layer but the last, over batches of images [B, 3, S, S].

    Memory does not grow with the number of batches. `on_batch(n)` is called after each batch of n images.
    """
    ckas: dict[int, LinearCka] = {}
    sums: dict[int, ShiftSum] = {}
    moved: set[int] = set()
    for images in batches:
        for index, base, tuned in lockstep.outputs(images):
            own, theirs = positions(base), positions(tuned)
            ckas.setdefault(index, LinearCka()).add(own, theirs)
            sums.setdefault(index, ShiftSum()).add(own, theirs)
            if not torch.equal(base, tuned):
                moved.add(index)
        on_batch(len(images))
    return [
        ActivationDrift(cka=ckas[k].value(), shift=sums[k].shift(), is_identical=k not in moved) for k in sorted(ckas)
    ]


def positions(features: Tensor) -> NDArray[np.float32]:
    """Features [B, C, h, w] as rows [B * positions, C], at most GRID x GRID per image: what a 1x1 convolution reads."""
    steps = [-(-side // GRID) for side in features.shape[2:]]
    picked = features[:, :, steps[0] // 2 :: steps[0], steps[1] // 2 :: steps[1]]
    rows: NDArray[np.float32] = picked.permute(0, 2, 3, 1).reshape(-1, features.shape[1]).float().cpu().numpy()
    return rows


def _layer_tensors(base: Mapping[str, Tensor], tuned: Mapping[str, Tensor]) -> TensorDrift:
    def shift(is_wanted: Callable[[str], bool]) -> Shift | None:
        total, names = ShiftSum(), [name for name in base if is_wanted(name)]
        for name in names:
            total.add(base[name].float().cpu().numpy(), tuned[name].float().cpu().numpy())
        return total.shift() if names else None

    return TensorDrift(
        weights=shift(lambda name: name.endswith((".weight", ".bias"))),
        bn_mean=shift(lambda name: name.endswith(".running_mean")),
        bn_var=shift(lambda name: name.endswith(".running_var")),
    )
