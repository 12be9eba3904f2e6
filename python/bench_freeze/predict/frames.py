"""The input of prediction: one image after another, whatever the source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Frame:
    """One image. `image` is [H, W, 3] RGB; None for a file that cannot be read, and `problem` says why."""

    number: int  # from 1
    name: str  # unique path below the output folder, without a suffix: fruit/0001, clip_000017
    origin: str  # a path, with the frame's number for a video
    image: NDArray[np.uint8] | None
    problem: str = ""


class Source(Protocol):
    """Images, the frames of a video, or those of a camera."""

    is_video: bool
    title: str
    total: int | None  # None: unknown
    rate: float  # frames per second of a video, else 0
    note: str  # a sentence for the user at the end, or empty

    def frames(self) -> Iterator[Frame]:
        """Iterate over all frames, in order."""
        ...

    def close(self) -> None:
        """Close files and devices."""
        ...


@dataclass(frozen=True)
class ImageFile:
    """An image file and the name under which its results are written."""

    path: Path
    name: str
