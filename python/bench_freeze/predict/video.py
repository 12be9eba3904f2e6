"""Videos and cameras through OpenCV: RGB frames in, a video out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .frames import Frame

CODEC = "mp4v"  # MPEG-4 in mp4: every OpenCV can write it, and players can show it
SUFFIX = ".mp4"
_USUAL_RATE = 25.0  # for a camera that reports no rate
_HIGHEST_RATE = 1000.0


class Video:
    """The frames of a file or a camera, in the order in which they are shown."""

    is_video = True

    def __init__(self, capture: Any, title: str, stem: str, total: int | None, first: NDArray[np.uint8]) -> None:
        self.title, self.total = title, total
        self.note = ""
        self._capture, self._stem, self._first = capture, stem, first
        rate = float(capture.get(_cv2().CAP_PROP_FPS))
        self.rate = rate if 0 < rate <= _HIGHEST_RATE else _USUAL_RATE  # NaN fails the comparison

    def frames(self) -> Iterator[Frame]:
        """Iterate over all frames; a file with fewer than its header announces leaves a note."""
        image: NDArray[np.uint8] | None = self._first
        number = 0
        while image is not None:
            number += 1
            yield Frame(number, f"{self._stem}_{number:06d}", f"{self.title} frame {number}", image)
            image = _next(self._capture)
        if self.total is not None and number < self.total:
            self.note = f"{self.title} says that it has {self.total} frames, and {number} could be read."

    def close(self) -> None:
        """Close the file or the camera."""
        self._capture.release()


def open_video(path: Path) -> Video:
    """Open a video file. Raises InputError if its first frame cannot be read."""
    capture = _cv2().VideoCapture(str(path), _cv2().CAP_FFMPEG)
    first = _next(capture) if capture.isOpened() else None
    if first is None:
        capture.release()
        raise InputError(
            f"{path} cannot be read as an image or a video: it is damaged, or of a kind that OpenCV does not know; "
            "give another file, or convert it to mp4."
        )
    count = capture.get(_cv2().CAP_PROP_FRAME_COUNT)
    total = int(count) if 1 <= count <= 1e9 else None
    return Video(capture, str(path), path.stem, total, first)


def open_camera(number: int) -> Video:
    """Open a camera. Raises InputError if it is missing or delivers no image."""
    device = Path(f"/dev/video{number}")
    there = sorted(path.name.removeprefix("video") for path in Path("/dev").glob("video[0-9]*"))
    others = f"this machine has {', '.join(there)}" if there else "this machine has none"
    if number > 9999 or not device.exists():
        raise InputError(f"camera {number} was not found ({others}); connect it, or give a file.")
    capture = _cv2().VideoCapture(number)
    first = _next(capture) if capture.isOpened() else None
    if first is None:
        capture.release()
        raise InputError(
            f"camera {number} gives no image: another program may use it, or you may not read {device}; close the "
            "other, or check its permissions."
        )
    return Video(capture, f"camera {number}", f"camera{number}", None, first)


class VideoWriter:
    """Pictures of one size into a video file."""

    def __init__(self, path: Path, rate: float) -> None:
        self._path, self._rate = path, rate
        self._writer: Any = None

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Append one frame [H, W, 3] RGB. Raises InputError if no video can be written there."""
        cv2 = _cv2()
        if self._writer is None:
            height, width = picture.shape[:2]
            fourcc = cv2.VideoWriter.fourcc(*CODEC)
            self._writer = cv2.VideoWriter(str(self._path), cv2.CAP_FFMPEG, fourcc, self._rate, (width, height))
            if not self._writer.isOpened():
                raise InputError(f"{self._path} cannot be written as a video by this OpenCV; use --format csv or coco.")
        self._writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()


def _next(capture: Any) -> NDArray[np.uint8] | None:
    there, frame = capture.read()
    if not there or frame is None:
        return None
    rgb: NDArray[np.uint8] = _cv2().cvtColor(frame, _cv2().COLOR_BGR2RGB)
    return rgb


def _cv2() -> Any:
    """Import OpenCV and silence its log: errors of reading are reported here, in sentences."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    try:
        return import_module("cv2")
    except ImportError:
        raise InputError(
            "videos and cameras need OpenCV; install it with: pip install 'bench-freeze[video]'."
        ) from None
