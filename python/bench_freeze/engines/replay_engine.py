"""The replay engine: recorded outputs and scripted durations, to test the flow and the harness without a model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from .base import EngineIdentity, ModelCard, check_images_shape


class ReplayEngine:
    """Returns recorded outputs call by call, in a cycle, each after its scripted duration.

    `outputs` has one dictionary per call (head name -> array); `durations_s` has the duration of each call in seconds.
    `pass_time` lets that time pass: a fake clock's `advance` in tests, by default a busy wait.
    """

    def __init__(
        self,
        card: ModelCard,
        outputs: Sequence[dict[str, NDArray[np.float32]]],
        durations_s: Sequence[float] = (0.0,),
        pass_time: Callable[[float], None] | None = None,
    ) -> None:
        if not outputs or not durations_s:
            raise ValueError("a replay needs at least one output and one duration")
        self.card = card
        self.identity = EngineIdentity("replay", "1", "fp32", "cpu", "recorded")
        self._outputs = cycle(outputs)
        self._durations = cycle(durations_s)
        self._pass_time = pass_time or busy_wait

    def infer(self, images: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """The next recorded outputs."""
        check_images_shape(self.card, images)
        self._pass_time(next(self._durations))
        return next(self._outputs)

    def close(self) -> None:
        """Nothing to free."""


def busy_wait(seconds: float) -> None:
    """Wait without giving up the core: sleeping is a thousand times less precise."""
    end = time.perf_counter_ns() + round(seconds * 1e9)
    while time.perf_counter_ns() < end:
        pass
