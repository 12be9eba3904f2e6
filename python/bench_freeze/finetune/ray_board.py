"""The board on which trainings on Ray post their progress and the driver reads it: one small actor."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from ..console import Details, Step

if TYPE_CHECKING:
    from ray.actor import ActorHandle

WRITTEN_EVERY_S = 0.5
Notice = tuple[int, int, Sequence[str]]  # batches done, batches in total, lines of text


class _Board:
    """The latest notice of each job; lives in a Ray process."""

    def __init__(self) -> None:
        self._latest: dict[int, Notice] = {}

    def write(self, job: int, notice: Notice) -> None:
        self._latest[job] = notice

    def read(self) -> dict[int, Notice]:
        return self._latest


def open_board(ray: ModuleType) -> ActorHandle:
    """Start a board and return its handle; it takes no slot from a training."""
    handle: ActorHandle = ray.remote(num_cpus=0)(_Board).remote()
    return handle


class BoardWriter:
    """The callback through which a training on a worker posts its progress."""

    def __init__(self, board: ActorHandle, job: int) -> None:
        self._board, self._job, self._last = board, job, 0.0

    def __call__(self, done: int, total: int, details: Details) -> None:
        """Post the progress, at most every WRITTEN_EVERY_S seconds, without waiting for its arrival."""
        if time.monotonic() - self._last >= WRITTEN_EVERY_S:
            self._last = time.monotonic()
            self._board.write.remote(self._job, (done, total, tuple(details())))


def show_board(ray: ModuleType, board: ActorHandle, step: Step) -> None:
    """Show the progress of all jobs as one step. If the board is lost with its node, the trainings continue."""
    try:
        notices = ray.get(board.read.remote(), timeout=1.0)
    except ray.exceptions.RayError:
        return
    if notices:
        done, total = (sum(notice[k] for notice in notices.values()) for k in (0, 1))
        step.tell(int(done), int(total), lambda: [text for _, notice in sorted(notices.items()) for text in notice[2]])
