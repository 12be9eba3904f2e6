"""Latency with several streams, such as cameras: all on one engine, or each on its own engine."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier, BrokenBarrierError

import numpy as np
from numpy.typing import NDArray

from ..deployment.latency import latency_of
from ..engines.base import Engine
from ..errors import MeasurementError
from ..measure.clock import PacingClock
from ..measure.sampler import warm_up
from ..measure.stats import LatencyStats
from ..measure.stopping import StoppingRule
from ..measure.streams import Camera, Served, serve_cameras, serve_without_pause
from ..measure.telemetry.machine import MachineTelemetry
from ..results.profile import StreamsLatency

# Cameras are not synchronised: by chance, their frames collide at the engine or never do. So every part has new phases.
PARTS = 8
LEAD_S = 0.02  # between the moment when all engines are ready and the first frame

OpenEngine = Callable[[int | None], Engine]  # takes the number of threads; None: the engine's default


@dataclass(frozen=True)
class Setup:
    """What all loads of a profile share; `images` [B, 3, S, S] are one frame of a stream."""

    open_engine: OpenEngine
    images: NDArray[np.float32]
    clock: PacingClock
    rule: StoppingRule
    telemetry: MachineTelemetry


class NotOpened(MeasurementError):
    """An engine could not be opened beside the others."""


@dataclass(frozen=True)
class Load:
    """`streams` on one engine, or on one engine each, at `rate_hz` frames per second each or back to back."""

    streams: int
    engines: int
    rate_hz: float | None
    seconds: float

    @property
    def frames_of_a_part(self) -> int:
        """Frames per stream and part; 0 without a rate, when each stream sends frames until the part is over."""
        return 0 if self.rate_hz is None else max(1, round(self.seconds / PARTS * self.rate_hz))

    @property
    def part_s(self) -> float:
        """Seconds of a part in which no frame is late."""
        return self.seconds / PARTS if self.rate_hz is None else self.frames_of_a_part / self.rate_hz

    def threads(self, asked: int | None, device: str) -> int | None:
        """Threads of each engine: as requested, else an equal share of the cores, so that engines do not compete."""
        if asked is not None or device != "cpu":
            return asked
        return max(1, len(os.sched_getaffinity(0)) // self.engines)


def loads_of(streams: Sequence[int], rate_hz: float | None, seconds: float) -> Iterator[Load]:
    """For every number of streams: all on one engine, then each on its own engine."""
    for count in streams:
        for engines in sorted({1, count}):
            yield Load(count, engines, rate_hz, seconds)


def measure_load(load: Load, threads: int | None, setup: Setup) -> StreamsLatency:
    """Serve the load with engines of `threads` threads each.

    Raises NotOpened if the machine cannot open all the engines, and any error of an engine during the run.
    """
    before = setup.telemetry.read()
    servers = _Servers(load, threads, setup)
    with ThreadPoolExecutor(load.engines) as pool:
        running = [pool.submit(servers.serve, index) for index in range(load.engines)]
    errors = [error for future in running if (error := future.exception()) is not None]
    if errors:  # the first cause; the other threads only see a broken barrier
        raise min(errors, key=lambda error: isinstance(error, BrokenBarrierError))
    conditions = setup.telemetry.conditions(before, setup.telemetry.read())
    worked = [future.result() for future in running]
    stats = _stats(worked)
    frames = [frame for work in worked for served in work.parts for frame in served.frames]
    dropped = sum(served.dropped for work in worked for served in work.parts)
    return StreamsLatency(
        streams=load.streams,
        engines=load.engines,
        threads=threads,
        rate_hz=load.rate_hz,
        frames=len(frames) + dropped,
        dropped=dropped,
        late=None if load.rate_hz is None else sum(frame.response_s > 1 / load.rate_hz for frame in frames),
        images_per_s=len(frames) * len(setup.images) / _duration_s(load, worked),
        latency=latency_of(stats, conditions, 1),
    )


@dataclass(frozen=True)
class _Worked:
    """The results of one engine, part by part."""

    warmup_calls: int
    settled: bool
    origins_s: list[float]
    parts: list[Served]


class _Servers:
    """The engines of one load, one thread each; each part begins for all of them at the same moment."""

    def __init__(self, load: Load, threads: int | None, setup: Setup) -> None:
        self._load, self._threads, self._setup = load, threads, setup
        self._barrier = Barrier(load.engines, action=self._set_origin)
        self._origin_s = 0.0

    def serve(self, index: int) -> _Worked:
        """Run all parts of one engine, opened and closed in the calling thread, as GPU contexts require."""
        try:
            engine = self._open()
            try:
                return self._parts(index, lambda n: engine.infer(self._setup.images))
            finally:
                engine.close()
        except BaseException:
            self._barrier.abort()  # else the others would wait for ever
            raise

    def _open(self) -> Engine:
        try:
            return self._setup.open_engine(self._threads)
        except Exception as error:  # each engine raises classes of its own when memory ends
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise NotOpened(f"{self._load.engines} engines could not be opened together: {reason}") from error

    def _parts(self, index: int, call: Callable[[int], object]) -> _Worked:
        warmup_calls, settled = warm_up(call, self._setup.clock, self._setup.rule)
        worked = _Worked(warmup_calls, settled, [], [])
        for part in range(PARTS):
            self._barrier.wait()
            worked.origins_s.append(self._origin_s)
            worked.parts.append(self._part(call, random.Random(f"{part} {index}")))  # equal for every model
        return worked

    def _part(self, call: Callable[[int], object], draw: random.Random) -> Served:
        load, clock = self._load, self._setup.clock
        streams = load.streams // load.engines
        clock.wait_until_s(self._origin_s)
        if load.rate_hz is None:
            return serve_without_pause(call, clock, streams, self._origin_s + load.part_s)
        period_s, count = 1 / load.rate_hz, load.frames_of_a_part
        cameras = [Camera(self._origin_s, period_s, draw.random(), count) for _ in range(streams)]
        return serve_cameras(call, clock, cameras)

    def _set_origin(self) -> None:
        self._origin_s = self._setup.clock.now_s() + LEAD_S


def _stats(worked: Sequence[_Worked]) -> LatencyStats:
    """Latency statistics of the responses, in the order of completion."""
    responses: list[float] = []
    for part in zip(*(work.parts for work in worked), strict=True):
        frames = sorted((frame for served in part for frame in served.frames), key=lambda frame: frame.done_s)
        responses += [frame.response_s for frame in frames]
    settled = all(work.settled for work in worked)
    return LatencyStats(tuple(responses), "time", sum(work.warmup_calls for work in worked), warmup_settled=settled)


def _duration_s(load: Load, worked: Sequence[_Worked]) -> float:
    """Total seconds of all parts: each from its beginning to its last result, or to its end if that is later."""
    ends = [max(served.frames[-1].done_s for served in part) for part in zip(*(w.parts for w in worked), strict=True)]
    return math.fsum(max(end - begin, load.part_s) for begin, end in zip(worked[0].origins_s, ends, strict=True))
