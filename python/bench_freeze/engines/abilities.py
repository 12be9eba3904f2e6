"""What an engine may be able to do beyond running batches: one Protocol for each ability, asked for with isinstance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .base import Decoded, Engine

if TYPE_CHECKING:
    from ..kernels.ext import Detections
    from ..kernels.nms_options import NmsOptions


@runtime_checkable
class TakesDecoded(Protocol):
    """May place images on their canvases on its own device; whether it does depends on the model."""

    takes_decoded: bool

    def infer(self, images: NDArray[np.float32] | Decoded) -> dict[str, NDArray[np.float32]]:
        """Outputs by head name, of canvases or of images as they lie in their files."""
        ...


@runtime_checkable
class SelectsOnDevice(Protocol):
    """May select detections on its own device, right behind the network."""

    def detect(self, images: NDArray[np.float32] | Decoded, options: NmsOptions) -> dict[str, Detections] | None:
        """Detections by head name; None where this model's cannot be selected there."""
        ...


@runtime_checkable
class TimesItsStages(Protocol):
    """Knows how long the parts of its last call took, in seconds."""

    stage_seconds: dict[str, float]


# A CUDA driver's stream, what makes an event of it, and the milliseconds between two events.
EventParts = tuple[Any, Callable[[], Any], Callable[[Any, Any], float]]


@runtime_checkable
class HasEvents(Protocol):
    """Works on a stream whose events can be timed."""

    def event_parts(self) -> EventParts:
        """What a clock of its stream is made of."""
        ...


@runtime_checkable
class InfersMany(Protocol):
    """Runs several batches with copies beside compute."""

    def infer_many(self, batches: Iterable[NDArray[np.float32] | Decoded]) -> Iterator[dict[str, NDArray[np.float32]]]:
        """Outputs of each batch, in order."""
        ...


@runtime_checkable
class HasNotes(Protocol):
    """Has sentences that belong to every number of its file."""

    notes: tuple[str, ...]


def takes_decoded(engine: Engine) -> bool:
    """Whether the engine places decoded images on their canvases itself."""
    return isinstance(engine, TakesDecoded) and engine.takes_decoded
