"""Pictures for a transfer's page, as data URLs: they are only in the page, not in transfer.json."""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class LookedImage:
    """A scored image on its canvas, and where each source is active on it."""

    name: str
    picture: str  # data URL
    boxes: tuple[Box, ...]  # left, top, width, height, in fractions of the canvas
    maps: tuple[tuple[str, str], ...]  # source, and the data URL of its overlay


@dataclass
class TransferPictures:
    """The pictures that a run has drawn so far."""

    images: tuple[str, ...] = ()  # thumbnails by position in side_by_side; empty where there are too many
    looked: tuple[LookedImage, ...] = ()
