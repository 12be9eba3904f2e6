"""Pictures of a transfer's page, as data addresses: they are in the page alone, not in transfer.json."""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class LookedImage:
    """A scored image on its canvas, and where each source is active on it."""

    name: str
    picture: str  # data: address
    boxes: tuple[Box, ...]  # left, top, width, height, in fractions of the canvas
    maps: tuple[tuple[str, str], ...]  # source and the data: address of what is laid over the picture


@dataclass
class TransferPictures:
    """What a run has drawn so far."""

    images: tuple[str, ...] = ()  # by position in side_by_side, small; none where there are too many
    looked: tuple[LookedImage, ...] = ()
