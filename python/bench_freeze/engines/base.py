"""What every engine promises, and what a model says of itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..files import Facts

HeadName = Literal["base", "target"]
Decoded = tuple[NDArray[np.uint8], ...]  # images as they lie in their files, [H, W, 3] RGB each, of any sizes
Letterboxing = Literal["cpu", "gpu"]
# When ONNX Runtime's threads wait for work in a busy loop: between the parts of a call and between calls.
Spin = Literal["always", "within calls", "never"]


@dataclass(frozen=True)
class Head:
    """One named output of a model.

    kind "raw": [B, 4 + C, A], boxes as centre, width, height in canvas pixels, then C scores from 0 to 1.
    kind "detections": [B, D, 6], x1, y1, x2, y2, score, class; selected by the model itself (one-to-one heads).
    """

    name: HeadName
    class_names: tuple[str, ...]
    kind: Literal["raw", "detections"]


@dataclass(frozen=True)
class ModelCard:
    """What a model's file says of itself: enough to run it and score it without the checkpoint it came from."""

    heads: tuple[Head, ...]
    imgsz: int
    batch: int | None  # None: any
    graft_at: int | None  # first layer that the heads do not share, None for a single head
    precision: str = "fp32"  # of the network inside; input and outputs are float32 whatever it is

    def to_dict(self) -> Facts:
        """Plain values, for a json beside the model or inside it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Facts) -> ModelCard:
        """The inverse of to_dict; raises KeyError or TypeError when a value is missing."""
        heads = tuple(Head(h["name"], tuple(h["class_names"]), h["kind"]) for h in values["heads"])
        rest = {k: values[k] for k in ("imgsz", "batch", "graft_at")}
        return cls(heads=heads, **rest, precision=values.get("precision", "fp32"))


@dataclass(frozen=True)
class EngineIdentity:
    """Which engine ran, exactly: part of the key of every result."""

    name: str
    version: str
    precision: str
    device: str
    provider: str
    threads: int | None = None
    letterbox: Letterboxing = "cpu"  # where images of the pipeline are placed on their canvases


class Engine(Protocol):
    """Runs one model. Input and outputs are arrays of the host; device work is finished when `infer` returns.

    An engine may be able to do more: `abilities` has a Protocol for each.
    """

    identity: EngineIdentity
    card: ModelCard

    def infer(self, images: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Outputs by head name for `images` [B, 3, S, S], RGB, 0 to 1."""
        ...

    def close(self) -> None:
        """Free what the engine holds; it cannot be used afterwards."""
        ...


def check_images_shape(card: ModelCard, images: NDArray[np.float32]) -> None:
    """Raise ValueError when a batch does not fit the model: a fault of the caller, not of the user's input."""
    batch = len(images) if card.batch is None else card.batch
    expected = (batch, 3, card.imgsz, card.imgsz)
    if images.shape != expected or images.dtype != np.float32:
        raise ValueError(f"the model takes float32 {expected}, not {images.dtype} {images.shape}")


def infer_padded(engine: Engine, images: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """`engine.infer` for a batch that may be smaller than the model's fixed one: filled with grey and cut again."""
    batch = engine.card.batch
    count = len(images)
    if batch is None or count == batch:
        return engine.infer(images)
    padded = np.full((batch, *images.shape[1:]), 114 / 255, dtype=np.float32)
    padded[:count] = images
    return {name: output[:count] for name, output in engine.infer(padded).items()}
