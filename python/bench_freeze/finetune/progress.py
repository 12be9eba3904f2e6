"""The progress of unfinished trainings: one file per arm next to its future artifact, replaced after every epoch.

A killed run leaves these files, and the next run continues from the last border between two epochs. A file is named by
the artifact's key, so a changed input starts a new training. A file is removed when its training ends; files that
belong to other options are removed when all trainings of a run have ended.

A file begins with the hash of the rest. A file whose hash does not match, or that has none (from an earlier version),
is put aside with a warning, and its training starts over.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from ..artifact import Warn, put_aside, warn_on_stderr
from ..dualhead.unpickle import check_plain, load_plain
from ..files import write_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

_HEAD = b"bench-freeze progress 1 sha256 "


class CourseState(TypedDict):
    """The scores on held-out images so far, and the weights with the best score."""

    points: list[dict[str, object]]
    seconds: float
    best_epoch: int | None
    best_average: dict[str, Tensor] | None
    stopped: bool


class TraineeState(TypedDict):
    """Everything that an arm's next epoch depends on, as tensors and plain values, without tensors of frozen layers."""

    model: dict[str, Tensor]
    average: dict[str, Tensor]
    average_updates: int
    optimizer: dict[str, object]
    gradients: dict[str, Tensor]
    scheduler: dict[str, object]
    scaler: dict[str, object]
    criterion_updates: int | None
    accumulate: int
    last_step: int
    seconds: float
    log: list[dict[str, float]]
    course: CourseState | None  # missing in older files, whose trainings have no looks


class GeneratorStates(TypedDict):
    """The states of Python's, NumPy's and torch's random generators, and of CUDA's if it is in use."""

    python: tuple[object, ...]
    numpy: dict[str, object] | tuple[str, NDArray[np.uint32], int, int, float]
    torch: Tensor
    cuda: list[Tensor] | None


class OrderState(TypedDict):
    """The position of the stream of batches, between two epochs."""

    generators: GeneratorStates
    mosaic_images: list[int]


@dataclass(frozen=True)
class Progress:
    """The state before `epoch`: that of one arm, and that of the stream of batches."""

    epoch: int
    trainee: TraineeState
    order: OrderState


class ProgressStore:
    """The progress files in an artifact folder."""

    def __init__(self, folder: Path, warn: Warn = warn_on_stderr) -> None:
        self._folder, self._warn = folder, warn

    def path(self, key: str) -> Path:
        """The progress file of the arm whose artifact has this key."""
        return self._folder / f"progress-{key[:12]}.pt"

    def save(self, states: Mapping[str, Progress]) -> None:
        """Write the progress of several arms, by artifact key."""
        import torch

        for key, progress in states.items():
            content = io.BytesIO()
            torch.save({"key": key, **vars(progress)}, content)
            payload = content.getvalue()
            write_whole(self.path(key), _HEAD + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)

    def load(self, key: str) -> Progress | None:
        """Load an arm's progress. Returns None if there is no file, or if it is damaged or belongs to another arm.

        Raises InputError for a file that would run code: no file of ours does.
        """
        path = self.path(key)
        if not path.is_file():
            return None
        content = path.read_bytes()
        payload = _payload(content)
        if payload is None:
            check_plain(content, str(path))
            aside = put_aside(path)
            self._warn(f"{path} is damaged: it is kept as {aside.name}, and its training starts over.")
            return None
        read = load_plain(payload, str(path))
        if not isinstance(read, dict) or read["key"] != key:
            return None
        return Progress(read["epoch"], read["trainee"], read["order"])

    def remove(self, key: str) -> None:
        """Delete the progress of an arm."""
        self.path(key).unlink(missing_ok=True)

    def remove_all(self, but: Collection[str] = ()) -> None:
        """Delete the progress of every arm: what is left when all trainings have ended belongs to other options.

        Files of the keys in `but` stay: a race stopped these arms early.
        """
        kept = {self.path(key) for key in but}
        for path in self._folder.glob("progress-*.pt"):
            if path not in kept:
                path.unlink(missing_ok=True)


def _payload(content: bytes) -> bytes | None:
    """The content after the hash at the beginning of a file; None if the hash does not match."""
    begin = len(_HEAD) + 64 + 1
    payload = content[begin:]
    head = _HEAD + hashlib.sha256(payload).hexdigest().encode() + b"\n"
    return payload if content[:begin] == head else None
