"""Find the batch sizes that fit, without running the machine out of memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import psutil
from numpy.typing import NDArray

from ..engines.abilities import InfersMany
from ..engines.base import Engine
from ..measure.memory import PeakMemory

IN_FLIGHT = 8  # batches per overlapped call: enough to outweigh its beginning and end, where nothing overlaps
MEMORY_SHARE = 0.8  # of the memory available at the start; beyond it, the kernel may kill the process


class BatchFits:
    """Tests a batch size by running one batch. A size that would exceed the memory is not tried and does not fit.

    `limited_by` is the reason for the last size that did not fit.
    """

    def __init__(self, engine: Engine, images: NDArray[np.float32], budget_bytes: int | None = None) -> None:
        self.limited_by = "the limit asked for"
        self._engine = engine
        self._images = images
        self._budget = budget_bytes if budget_bytes is not None else _budget()
        self._bytes_per_image = images[:1].nbytes

    def __call__(self, batch: int) -> bool:
        """Whether a batch of this size runs."""
        if batch * self._bytes_per_image > self._budget:
            self.limited_by = f"memory: a batch of {batch} would take over {self._budget / 1e9:.1f} GB"
            return False
        before = psutil.Process().memory_info().rss
        try:
            identity = self._engine.identity
            with PeakMemory(identity.device, is_torch=identity.name == "torch") as memory:
                self._engine.infer(batch_of(self._images, batch))
        except Exception as error:  # each engine raises classes of its own when memory ends
            self.limited_by = f"the engine at a batch of {batch}: {' '.join(str(error).split())[:160]}"
            return False
        if self._engine.identity.device == "cpu" and memory.peak_bytes is not None:
            self._bytes_per_image = max(self._bytes_per_image, (memory.peak_bytes - before) // batch)
        return True


def batch_of(images: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
    """A batch [B, 3, S, S] that cycles through the images."""
    return np.ascontiguousarray(images[np.arange(batch) % len(images)])


def batch_call(engine: Engine, images: NDArray[np.float32], batch: int) -> Callable[[int], object]:
    """A call that runs one prepared batch."""
    prepared = batch_of(images, batch)
    return lambda i: engine.infer(prepared)


def overlapped_call(engine: Engine, images: NDArray[np.float32], batch: int) -> Callable[[int], object] | None:
    """A call that runs IN_FLIGHT batches with copies overlapping compute; None if the engine cannot do that."""
    if not isinstance(engine, InfersMany):
        return None
    many, prepared = engine, [batch_of(images, batch)] * IN_FLIGHT
    return lambda i: list(many.infer_many(prepared))


def _budget() -> int:
    return int(psutil.virtual_memory().available * MEMORY_SHARE)
