"""Run two detectors of the same layout layer by layer on the same images; every activation is computed once."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...dualhead.model import run_layers


class TwoModels:
    """A base and a tuned detector in eval mode, without their Detect layers, which may have different classes."""

    def __init__(self, base: nn.Module, tuned: nn.Module, device: str) -> None:
        if len(base.model) != len(tuned.model):
            raise ValueError("base and tuned model differ in their number of layers")
        self._models = [deepcopy(model).eval().to(device) for model in (base, tuned)]
        self._kept = frozenset(base.save) | frozenset(tuned.save)
        self._device = device

    def outputs(self, images: NDArray[np.float32]) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield (layer, base output, tuned output), each [B, C, h, w], for images [B, 3, S, S]; computed lazily."""
        x = y = torch.as_tensor(images).to(self._device)
        below: tuple[dict[int, Tensor], dict[int, Tensor]] = {}, {}
        base, tuned = (list(model.model)[:-1] for model in self._models)
        for index, (own, theirs) in enumerate(zip(base, tuned, strict=True)):
            with torch.inference_mode():
                x = run_layers([own], x, below[0], self._kept)
                y = run_layers([theirs], y, below[1], self._kept)
            yield index, x, y
