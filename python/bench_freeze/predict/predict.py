"""`bench-freeze predict`: find the source, open the model, then read, detect and write in parallel."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..data.letterbox import Letterbox
from ..engines.base import Decoded
from ..errors import InputError
from ..user_files import writing
from .frames import Frame, Source
from .model import Confidence, Found, Model
from .opened import Wanted, check_model, open_model
from .overlap import overlapped
from .sources import open_source
from .writers import Format, Writer, writer_of

if TYPE_CHECKING:
    from ..console import Console

OUT = Path("runs") / "predict"


@dataclass(frozen=True)
class PredictRequest:
    """What to predict. Without `conf`, format coco uses the study's threshold, since its results are scored, and other
    formats use the threshold of best F1."""

    model: Path
    source: str
    out: Path | None = None  # None: a new folder below runs
    form: Format = "pictures"
    wanted: Wanted = Wanted()
    conf: Confidence = None
    iou: float | None = None
    max_det: int | None = None
    head: str | None = None
    max_frames: int | None = None


@dataclass(frozen=True)
class Predicted:
    """The outcome. `busy` is the engine's share of the time."""

    written: tuple[Path, ...]
    frames: int
    detections: dict[str, int]  # by head
    seconds: float
    busy: float
    problems: tuple[str, ...]  # of files that could not be read, a sentence each
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Batch:
    frames: list[Frame]  # those with a problem too
    images: NDArray[np.float32] | Decoded
    placed: tuple[Letterbox, ...]


def predict(request: PredictRequest, console: Console) -> Predicted:
    """Predict on a whole source. Raises InputError, before the model is loaded, if the source cannot be read."""
    check_model(request.model)
    if request.out is not None and request.out.exists() and not _is_empty(request.out):
        raise InputError(f"--out {request.out} exists already; give a new folder, or remove it.")
    source = open_source(request.source)
    try:
        conf = request.conf if request.conf is not None or request.form == "coco" else "best"
        opened = open_model(request.model, request.wanted, console.note)
        with Model(opened, conf=conf, iou=request.iou, max_det=request.max_det, head=request.head) as model:
            return _run(request, source, model, console)
    finally:
        source.close()


def _run(request: PredictRequest, source: Source, model: Model, console: Console) -> Predicted:
    folder = request.out or _new_folder()
    with writing(folder, "--out"):
        folder.mkdir(parents=True, exist_ok=True)
        names = {head: model.class_names[head] for head in model.heads}
        tally = _Tally(writer_of(request.form, folder, source, names), tuple(names))
        total = _total(source, request.max_frames)
        stop = threading.Event()
        with console.step(f"predict {source.title}") as step:

            def work(batch: _Batch) -> tuple[_Batch, list[Found]]:
                found = model.infer(batch.images, batch.placed) if batch.placed else []
                return batch, found

            def write(done: tuple[_Batch, list[Found]]) -> None:
                tally.add(*done)
                step(tally.frames, total or tally.frames)

            try:
                busy = overlapped(_batches(source, model, request.max_frames), work, write, stop)
            except KeyboardInterrupt:
                if source.total is not None:
                    raise
                busy = None  # the normal way to stop a camera
            finally:
                written = tally.writer.close()
    seconds, share = (0.0, 0.0) if busy is None else (busy.wall_s, busy.share)
    notes = [source.note] if source.note else []
    return Predicted(
        tuple(written), tally.frames, tally.detections, seconds, share, tuple(tally.problems), tuple(notes)
    )


class _Tally:
    """Passes detections to a writer and counts them."""

    def __init__(self, writer: Writer, heads: Sequence[str]) -> None:
        self.writer = writer
        self.frames = 0
        self.detections = dict.fromkeys(heads, 0)
        self.problems: list[str] = []

    def add(self, batch: _Batch, found: list[Found]) -> None:
        results = iter(found)
        for frame in batch.frames:
            if frame.image is None:
                self.problems.append(frame.problem)
                continue
            one = next(results)
            self.writer.add(frame, one)
            self.frames += 1
            for head, own in one.items():
                self.detections[head] += len(own)


def _batches(source: Source, model: Model, most: int | None) -> Iterator[_Batch]:
    """Frames as input of the engine; prepared in the reading thread."""
    frames = iter(islice(source.frames(), most))
    while chosen := list(islice(frames, model.batch)):
        images = [frame.image for frame in chosen if frame.image is not None]
        prepared, placed = model.prepare(images)
        yield _Batch(chosen, prepared, placed)


def _total(source: Source, most: int | None) -> int | None:
    return source.total if most is None else most if source.total is None else min(most, source.total)


def _new_folder() -> Path:
    """The first of runs/predict, runs/predict2 ... that does not exist yet."""
    number = 1
    while (folder := OUT if number == 1 else OUT.with_name(f"{OUT.name}{number}")).exists():
        number += 1
    return folder


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())
