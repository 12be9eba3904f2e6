"""Run a frozen backbone: pictures in, the maps of its layers out."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..dualhead.backbone import Backbone
from ..dualhead.model import run_layers
from .request import FINEST


class FrozenBackbone:
    """A copy of layers 0..end-1 in eval mode on a device."""

    def __init__(self, backbone: Backbone, device: str) -> None:
        self._layers = deepcopy(backbone.model.model[: backbone.end]).eval().to(device)
        self._kept = frozenset(backbone.model.save)
        self._device = device

    def maps(self, images: NDArray[np.float32]) -> list[Tensor]:
        """The output of every layer, [B, C, h, w] each, for images [B, 3, S, S] in RGB from 0 to 1."""
        x = torch.as_tensor(images).to(self._device)
        kept: dict[int, Tensor] = {}
        outputs: list[Tensor] = []
        with torch.inference_mode():
            for layer in self._layers:
                x = run_layers([layer], x, kept, self._kept)
                outputs.append(x)
        return outputs

    def pooled(self, images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The mean over the map of every layer, [B, C] each."""
        return [output.mean(dim=(2, 3)).cpu().numpy() for output in self.maps(images)]

    def energy(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The sum of squares over the channels of the last layer, [B, h, w]."""
        found: NDArray[np.float32] = self.maps(images)[-1].square().sum(dim=1).cpu().numpy()
        return found


def last_of_strides(maps: Sequence[Tensor], size: int) -> list[Tensor]:
    """The last map of every stride from FINEST on, the finest first, for canvases of `size` pixels."""
    last = {size // output.shape[-1]: output for output in maps}
    return [last[stride] for stride in sorted(last) if stride >= FINEST]
