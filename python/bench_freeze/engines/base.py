"""The protocol of every engine, and the model card that describes a model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..files import Facts

HeadName = Literal["base", "target"]
Decoded = tuple[NDArray[np.uint8], ...]  # images as decoded from their files, each [H, W, 3] RGB, of any size
Letterboxing = Literal["cpu", "gpu"]
# When ONNX Runtime's threads wait for work in a busy loop: within calls and between them, within calls only, or never.
Spin = Literal["always", "within calls", "never"]


@dataclass(frozen=True)
class Head:
    """One named output of a model.

    kind "raw": [B, 4 + C, A]; boxes as centre, width and height in canvas pixels, then C scores from 0 to 1.
    kind "detections": [B, D, 6]; x1, y1, x2, y2, score, class; selected by the model itself (one-to-one heads).
    """

    name: HeadName
    class_names: tuple[str, ...]
    kind: Literal["raw", "detections"]


@dataclass(frozen=True)
class ModelCard:
    """What a model file states about itself: enough to run and score it without its checkpoint."""

    heads: tuple[Head, ...]
    imgsz: int
    batch: int | None  # None: any
    graft_at: int | None  # the first layer that the heads do not share; None for a single head
    precision: str = "fp32"  # of the network inside; input and outputs are always float32

    def to_dict(self) -> Facts:
        """The card as plain values, for JSON in the model file or next to it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Facts) -> ModelCard:
        """The inverse of to_dict. Raises KeyError or TypeError if a value is missing."""
        heads = tuple(Head(h["name"], tuple(h["class_names"]), h["kind"]) for h in values["heads"])
        rest = {k: values[k] for k in ("imgsz", "batch", "graft_at")}
        return cls(heads=heads, **rest, precision=values.get("precision", "fp32"))


@dataclass(frozen=True)
class EngineIdentity:
    """Exactly which engine ran; part of the key of every result."""

    name: str
    version: str
    precision: str
    device: str
    provider: str
    threads: int | None = None
    letterbox: Letterboxing = "cpu"  # where the pipeline's images are letterboxed


class Engine(Protocol):
    """Runs one model. Inputs and outputs are host arrays; work on the device is finished when `infer` returns.

    For what some engines can do beyond this, see the protocols in `abilities`.
    """

    identity: EngineIdentity
    card: ModelCard

    def infer(self, images: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Outputs by head name for `images`: [B, 3, S, S] RGB, float32 from 0 to 1."""
        ...

    def close(self) -> None:
        """Release the engine's resources; it cannot be used afterwards."""
        ...


def check_images_shape(card: ModelCard, images: NDArray[np.float32]) -> None:
    """Raise ValueError if a batch does not fit the model, which is a mistake of the caller, not of the user."""
    batch = len(images) if card.batch is None else card.batch
    expected = (batch, 3, card.imgsz, card.imgsz)
    if images.shape != expected or images.dtype != np.float32:
        raise ValueError(f"the model takes float32 {expected}, not {images.dtype} {images.shape}")


def infer_padded(engine: Engine, images: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Run `engine.infer` on a batch that may be smaller than the model's fixed batch: padded with grey, then cut."""
    batch = engine.card.batch
    count = len(images)
    if batch is None or count == batch:
        return engine.infer(images)
    padded = np.full((batch, *images.shape[1:]), 114 / 255, dtype=np.float32)
    padded[:count] = images
    return {name: output[:count] for name, output in engine.infer(padded).items()}
