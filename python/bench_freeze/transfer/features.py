"""Frozen features: the pooled output of every layer of a backbone, computed once and stored by content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..artifact import ArtifactStore
from ..console import Console, Step
from ..data.dataset import ImageRecord
from ..data.loader import load_batches
from ..dualhead.backbone import Backbone
from ..environment import package_versions
from ..finite import require_finite_arrays
from ..study.kept_step import kept_step
from .request import FINEST, TransferRequest

FILE = "features.npz"


@dataclass(frozen=True)
class Canvases:
    """Pictures for a backbone in batches [B, 3, S, S], with a hash of everything that determines their pixels."""

    count: int
    sha256: str
    batches: Callable[[], Iterator[NDArray[np.float32]]]


@dataclass(frozen=True)
class FeatureStore:
    """Stores features, and computes those that are missing."""

    request: TransferRequest
    store: ArtifactStore
    console: Console

    def pooled(self, title: str, backbone: Backbone, canvases: Canvases) -> dict[int, NDArray[np.float32]]:
        """The mean over the map of every layer of the backbone: [N, C] by layer."""
        inputs = self._inputs(backbone, canvases)
        build = partial(_compute, backbone, canvases, self.request.device)
        kept = kept_step(self.console, self.store, f"features of {title}", "features", inputs, build)
        with np.load(kept.path(FILE)) as found:
            return {int(layer): found[layer] for layer in found.files}

    def levels(self, title: str, backbone: Backbone, canvases: Canvases) -> list[NDArray[np.float32]]:
        """The maps of the last layer of every stride from FINEST on: [N, C, h, w] each, the finest first."""
        build = partial(_compute_levels, backbone, canvases, self.request.device)
        inputs = self._inputs(backbone, canvases) | {"finest": FINEST}
        kept = kept_step(self.console, self.store, f"maps of {title}", "maps", inputs, build)
        with np.load(kept.path(FILE)) as found:
            return [found[level] for level in found.files]

    def energy(self, title: str, backbone: Backbone, canvases: Canvases) -> NDArray[np.float32]:
        """The energy of the last layer, [N, h, w]: the sum of squares over its channels."""
        build = partial(_compute_energy, backbone, canvases, self.request.device)
        inputs = self._inputs(backbone, canvases)
        kept = kept_step(self.console, self.store, f"activations of {title}", "energy", inputs, build)
        with np.load(kept.path(FILE)) as found:
            energy: NDArray[np.float32] = found["energy"]
        return energy

    def _inputs(self, backbone: Backbone, canvases: Canvases) -> dict[str, object]:
        return self.backbone_inputs(backbone) | {"pixels_sha256": canvases.sha256}

    def backbone_inputs(self, backbone: Backbone) -> dict[str, object]:
        """Everything that a result depends on apart from the images."""
        return {
            "backbone_sha256": backbone.sha256,
            "layers": backbone.end,
            "imgsz": self.request.imgsz,
            "device": self.request.device.partition(":")[0],
            "versions": package_versions("torch", "ultralytics"),
        }


def whole_images(images: Sequence[ImageRecord], request: TransferRequest) -> Canvases:
    """Every image letterboxed to `imgsz`."""

    def batches() -> Iterator[NDArray[np.float32]]:
        for batch in load_batches(images, imgsz=request.imgsz, batch=request.batch, workers=request.workers):
            yield batch.images

    return Canvases(len(images), pixels_sha256(images), batches)


def pixels_sha256(images: Sequence[ImageRecord]) -> str:
    """A hash of everything that determines the pixels of the images, in order: their bytes and their decoder."""
    digest = hashlib.sha256()
    for image in images:
        digest.update(f"{image.sha256}{image.decoder_mark}\0".encode())
    return digest.hexdigest()


def _compute(backbone: Backbone, canvases: Canvases, device: str, folder: Path, step: Step) -> dict[str, object]:
    from .frozen import FrozenBackbone

    frozen = FrozenBackbone(backbone, device)
    found: list[list[NDArray[np.float32]]] = []
    for batch in canvases.batches():
        found.append(frozen.pooled(batch))
        step(sum(len(part[0]) for part in found), canvases.count)
    arrays: dict[str, Any] = {str(layer): np.concatenate(parts) for layer, parts in enumerate(zip(*found, strict=True))}
    require_finite_arrays(arrays, "a feature")
    np.savez(folder / FILE, **arrays)
    return {"samples": canvases.count, "numbers": {layer: int(array.shape[1]) for layer, array in arrays.items()}}


def _compute_levels(backbone: Backbone, canvases: Canvases, device: str, folder: Path, step: Step) -> dict[str, object]:
    from .frozen import FrozenBackbone, last_of_strides

    frozen = FrozenBackbone(backbone, device)
    found: list[list[NDArray[np.float32]]] = []
    for batch in canvases.batches():
        levels = last_of_strides(frozen.maps(batch), batch.shape[-1])
        found.append([level.cpu().numpy() for level in levels])
        step(sum(len(part[0]) for part in found), canvases.count)
    arrays: dict[str, Any] = {str(k): np.concatenate(parts) for k, parts in enumerate(zip(*found, strict=True))}
    require_finite_arrays(arrays, "a map of features")
    np.savez(folder / FILE, **arrays)
    return {"samples": canvases.count, "shapes": [list(array.shape) for array in arrays.values()]}


def _compute_energy(backbone: Backbone, canvases: Canvases, device: str, folder: Path, step: Step) -> dict[str, object]:
    from .frozen import FrozenBackbone

    frozen = FrozenBackbone(backbone, device)
    found: list[NDArray[np.float32]] = []
    for batch in canvases.batches():
        found.append(frozen.energy(batch))
        step(sum(map(len, found)), canvases.count)
    arrays = {"energy": np.concatenate(found)}
    require_finite_arrays(arrays, "an activation's energy")
    np.savez(folder / FILE, energy=arrays["energy"])
    return {"samples": canvases.count, "map": list(arrays["energy"].shape[1:])}
