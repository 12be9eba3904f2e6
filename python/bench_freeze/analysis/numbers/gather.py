"""One pass of two detectors over labelled images: pooled features, features of objects, energy inside boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .energy import energy_map, share_inside
from .labelled import LabelledImages
from .two_models import TwoModels


@dataclass
class Gathered:
    """What was read from one detector on one set of images, for the requested layers."""

    pooled: dict[int, NDArray[np.float32]]  # by layer, [images, C]: the mean over the map
    objects: NDArray[np.float32]  # [objects, C of all layers]: the mean over the object's box
    energy: dict[int, list[float | None]]  # by layer and image, the share inside boxes
    area: dict[int, list[float | None]]  # by layer and image, the share of the image's area inside boxes
    maps: dict[int, list[NDArray[np.float64]]]  # by layer, the energy maps of the first images


@dataclass
class Samples:
    """Both detectors on the same images."""

    base: Gathered
    tuned: Gathered
    labels: NDArray[np.int64]  # [objects]
    image: NDArray[np.int64]  # [objects], position among all images


def gather(
    lockstep: TwoModels,
    layers: Sequence[int],
    batches: Iterable[LabelledImages],
    on_batch: Callable[[int], None],
    *,
    maps: int = 0,
) -> Samples:
    """Features of the given layers over all batches; energy maps of the first `maps` images are kept.

    `on_batch(n)` is called after each batch of n images.
    """
    sides = _Side(layers), _Side(layers)
    labels, image, seen = [], [], 0
    for batch in batches:
        found = {layer: pair for layer, *pair in lockstep.outputs(batch.images) if layer in layers}
        for side, own in zip(sides, (0, 1), strict=True):
            side.add({layer: pair[own] for layer, pair in found.items()}, batch, maps - seen)
        labels.append(batch.labels)
        image.append(batch.image + seen)
        seen += len(batch.images)
        on_batch(len(batch.images))
    base, tuned = (side.gathered() for side in sides)
    return Samples(base, tuned, np.concatenate(labels), np.concatenate(image))


class _Side:
    """One detector's part of the pass."""

    def __init__(self, layers: Sequence[int]) -> None:
        self._layers = sorted(layers)
        self._pooled: dict[int, list[NDArray[np.float32]]] = {layer: [] for layer in self._layers}
        self._objects: list[NDArray[np.float32]] = []
        self._energy: dict[int, list[float | None]] = {layer: [] for layer in self._layers}
        self._area: dict[int, list[float | None]] = {layer: [] for layer in self._layers}
        self._maps: dict[int, list[NDArray[np.float64]]] = {layer: [] for layer in self._layers}

    def add(self, found: dict[int, Tensor], batch: LabelledImages, maps: int) -> None:
        for layer in self._layers:
            features = found[layer].float()
            self._pooled[layer].append(features.mean(dim=(2, 3)).cpu().numpy())
            for i, one in enumerate(features.cpu().numpy()):
                energy = energy_map(one)
                boxes = batch.boxes_xyxy[batch.image == i]
                share, area = share_inside(energy, boxes, batch.content_xyxy[i])
                self._energy[layer].append(share)
                self._area[layer].append(area)
                if i < maps:
                    self._maps[layer].append(energy)
        self._objects.append(torch.cat([box_means(found[layer], batch) for layer in self._layers], 1).cpu().numpy())

    def gathered(self) -> Gathered:
        pooled = {layer: np.concatenate(parts) for layer, parts in self._pooled.items()}
        return Gathered(pooled, np.concatenate(self._objects), self._energy, self._area, self._maps)


def box_means(features: Tensor, batch: LabelledImages) -> Tensor:
    """[N, C] the mean of features [B, C, h, w] over each object's box, interpolated by RoIAlign."""
    from torchvision.ops import roi_align

    height, width = features.shape[2:]
    corners = torch.as_tensor(batch.boxes_xyxy * [width, height, width, height], dtype=torch.float32)
    rows = torch.cat([torch.as_tensor(batch.image, dtype=torch.float32)[:, None], corners], 1).to(features.device)
    pooled: Tensor = roi_align(features.float(), rows, output_size=1, aligned=True)
    return pooled.flatten(1)
