"""What some engines can do beyond running batches: one Protocol per ability, checked with isinstance."""

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
    """Can letterbox images on its own device; whether it does, depends on the model."""

    takes_decoded: bool

    def infer(self, images: NDArray[np.float32] | Decoded) -> dict[str, NDArray[np.float32]]:
        """Outputs by head name, for letterboxed canvases or for images as decoded from their files."""
        ...


@runtime_checkable
class SelectsOnDevice(Protocol):
    """Can select detections on its own device, directly after the network."""

    def detect(self, images: NDArray[np.float32] | Decoded, options: NmsOptions) -> dict[str, Detections] | None:
        """Detections by head name; None if the device cannot select for this model."""
        ...


@runtime_checkable
class TimesItsStages(Protocol):
    """Measures how long the stages of its last call took, in seconds."""

    stage_seconds: dict[str, float]


# A CUDA stream, a function that creates an event, and one that gives the milliseconds between two events.
EventParts = tuple[Any, Callable[[], Any], Callable[[Any, Any], float]]


@runtime_checkable
class HasEvents(Protocol):
    """Works on a CUDA stream whose events can be timed."""

    def event_parts(self) -> EventParts:
        """The parts of a clock for its stream."""
        ...


@runtime_checkable
class InfersMany(Protocol):
    """Can run several batches with copies overlapping computation."""

    def infer_many(self, batches: Iterable[NDArray[np.float32] | Decoded]) -> Iterator[dict[str, NDArray[np.float32]]]:
        """Outputs of each batch, in order."""
        ...


@runtime_checkable
class HasNotes(Protocol):
    """Has notes that apply to every number measured on its file."""

    notes: tuple[str, ...]


def takes_decoded(engine: Engine) -> bool:
    """Whether the engine letterboxes decoded images itself."""
    return isinstance(engine, TakesDecoded) and engine.takes_decoded
