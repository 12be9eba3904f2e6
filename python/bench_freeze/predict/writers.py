"""Writers of detections: pictures, a video, COCO results, CSV, or YOLO labels. Frames arrive in order."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, TextIO

from PIL import Image

from ..text.json_text import encoded
from ..text.spreadsheet import csv_cell
from .detections import ImageDetections
from .draw import drawn
from .frames import Frame, Source
from .video import SUFFIX, VideoWriter

Format = Literal["pictures", "coco", "csv", "yolo"]
FORMATS: tuple[Format, ...] = ("pictures", "coco", "csv", "yolo")
Found = Mapping[str, ImageDetections]  # by head
QUALITY = 90  # of JPEG pictures


class Writer(Protocol):
    """Receives the detections frame by frame. Its output is complete once it is closed."""

    def add(self, frame: Frame, found: Found) -> None:
        """Write the detections of the next frame, which has an image."""
        ...

    def close(self) -> list[Path]:
        """Finish, and return the files or folders to show the user."""
        ...


def writer_of(form: Format, folder: Path, source: Source, class_names: Mapping[str, tuple[str, ...]]) -> Writer:
    """The writer of a format into an existing folder."""
    if form == "pictures":
        return Movie(folder, source) if source.is_video else Pictures(folder)
    if form == "coco":
        return Coco(folder, class_names)
    return Csv(folder) if form == "csv" else Yolo(folder, class_names)


class Pictures:
    """Writes every image with its detections, as JPEG."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, frame: Frame, found: Found) -> None:
        assert frame.image is not None
        path = self._folder / f"{frame.name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawn(frame.image, found)).save(path, quality=QUALITY)

    def close(self) -> list[Path]:
        return [self._folder]


class Movie:
    """Writes the frames with their detections as a video."""

    def __init__(self, folder: Path, source: Source) -> None:
        stem = Path(source.title).stem.replace(" ", "_")
        self._path = folder / f"{stem}{SUFFIX}"
        self._video = VideoWriter(self._path, source.rate)

    def add(self, frame: Frame, found: Found) -> None:
        assert frame.image is not None
        self._video.add(drawn(frame.image, found))

    def close(self) -> list[Path]:
        self._video.close()
        return [self._path]


class Coco:
    """Writes HEAD.json in COCO's results format, and images.json, which maps image ids to files.

    Image ids are the file names if all are distinct numbers, as in COCO; else they count from 1.
    """

    def __init__(self, folder: Path, class_names: Mapping[str, tuple[str, ...]]) -> None:
        self._folder, self._class_names = folder, class_names
        self._frames: list[tuple[Frame, tuple[int, int], Found]] = []

    def add(self, frame: Frame, found: Found) -> None:
        assert frame.image is not None
        height, width = frame.image.shape[:2]
        bare = Frame(frame.number, frame.name, frame.origin, None)  # the pixels are not needed any more
        self._frames.append((bare, (width, height), dict(found)))

    def close(self) -> list[Path]:
        ids = self._ids()
        written = []
        for head in self._class_names:
            rows: list[dict[str, Any]] = []
            for own, (_, _, found) in zip(ids, self._frames, strict=True):
                rows += found[head].to_coco(own)
            written.append(self._write(f"{head}.json", rows))
        images = [
            {"id": own, "file_name": frame.origin, "width": width, "height": height}
            for own, (frame, (width, height), _) in zip(ids, self._frames, strict=True)
        ]
        categories = {head: _categories(head, names, self._frames) for head, names in self._class_names.items()}
        return [*written, self._write("images.json", {"images": images, "categories": categories})]

    def _ids(self) -> list[int]:
        stems = [Path(frame.name).name for frame, _, _ in self._frames]
        numbers = [int(stem) for stem in stems if stem.isascii() and stem.isdigit() and len(stem) <= 15]
        if len(set(numbers)) == len(stems):
            return numbers
        return [frame.number for frame, _, _ in self._frames]

    def _write(self, name: str, content: object) -> Path:
        path = self._folder / name
        path.write_bytes(encoded(content))
        return path


def _categories(
    head: str, names: tuple[str, ...], frames: list[tuple[Frame, tuple[int, int], Found]]
) -> list[dict[str, Any]]:
    known = next((found[head].category_ids for _, _, found in frames), None)
    ids = range(len(names)) if known is None else known
    return [{"id": own, "name": name} for own, name in zip(ids, names, strict=True) if own is not None]


class Csv:
    """Writes detections.csv, one row per detection."""

    HEADINGS = ("file", "frame", "head", "class", "label", "score", "left", "top", "right", "bottom")

    def __init__(self, folder: Path) -> None:
        self._path = folder / "detections.csv"
        self._stream: TextIO = self._path.open("w", newline="", encoding="utf-8", errors="backslashreplace")
        self._rows = csv.writer(self._stream, lineterminator="\n")
        self._rows.writerow(self.HEADINGS)

    def add(self, frame: Frame, found: Found) -> None:
        for head, own in found.items():
            for box, name, label, score in zip(own.boxes_xyxy, own.names, own.labels, own.scores, strict=True):
                place = (csv_cell(frame.origin), frame.number, head, csv_cell(name), int(label))
                self._rows.writerow([*place, float(score), *map(float, box)])

    def close(self) -> list[Path]:
        self._stream.close()
        return [self._path]


class Yolo:
    """Writes a folder per head: classes.txt, and a text file per image with class, centre and size of each box,
    normalised.

    No scores: the files are labels that Ultralytics and `bench-freeze data` read.
    """

    def __init__(self, folder: Path, class_names: Mapping[str, tuple[str, ...]]) -> None:
        self._folder = folder
        for head, names in class_names.items():
            (folder / head).mkdir(parents=True, exist_ok=True)
            lines = "".join(f"{' '.join(name.split())}\n" for name in names)
            (folder / head / "classes.txt").write_text(lines, encoding="utf-8")

    def add(self, frame: Frame, found: Found) -> None:
        assert frame.image is not None
        height, width = frame.image.shape[:2]
        for head, own in found.items():
            lines = []
            for label, (left, top, right, bottom) in zip(own.labels.tolist(), own.boxes_xyxy.tolist(), strict=True):
                center = (left + right) / 2 / width, (top + bottom) / 2 / height
                shares = (*center, (right - left) / width, (bottom - top) / height)
                lines.append(f"{label} {' '.join(f'{share:.6f}' for share in shares)}\n")
            path = self._folder / head / "labels" / f"{frame.name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(lines))

    def close(self) -> list[Path]:
        return [self._folder]
