"""Several cameras on one engine: how long a frame takes from arrival to result, and which frames are dropped.

The engine works on one frame at a time. A stream has room for one waiting frame: a newer frame replaces it, as in a
camera's driver, and the older one counts as dropped. An engine that is too slow therefore drops frames instead of
falling further and further behind. A stream keeps its place in the queue when its frame is replaced, so that no stream
starves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .clock import Clock, PacingClock


@dataclass(frozen=True)
class Frame:
    """One frame that the engine processed; moments in seconds of the clock."""

    stream: int
    arrived_s: float
    started_s: float
    done_s: float

    @property
    def response_s(self) -> float:
        """Seconds from the frame's arrival to its result: the wait for the engine plus the call."""
        return self.done_s - self.arrived_s


@dataclass(frozen=True)
class Served:
    """The frames that the engine processed, in order, and how many were replaced before it reached them."""

    frames: tuple[Frame, ...]
    dropped: int


@dataclass(frozen=True)
class Camera:
    """Frames at `origin_s + (k + phase) * period_s` for k = 0 .. count - 1; `phase` lies between 0 and 1."""

    origin_s: float
    period_s: float
    phase: float
    count: int

    def arrival_s(self, k: int) -> float:
        """The moment when frame k arrives."""
        return self.origin_s + (k + self.phase) * self.period_s

    def newest(self, now_s: float) -> int:
        """The index of the last frame that has arrived by `now_s`; -1 before the first."""
        k = math.floor((now_s - self.origin_s) / self.period_s - self.phase)
        k = min(max(k, -1), self.count - 1)
        while k + 1 < self.count and self.arrival_s(k + 1) <= now_s:  # the division rounds, the arrival decides
            k += 1
        while k >= 0 and self.arrival_s(k) > now_s:
            k -= 1
        return k


def serve_cameras(call: Callable[[int], object], clock: PacingClock, cameras: Sequence[Camera]) -> Served:
    """Process the cameras' frames until each has been served or dropped.

    `call(n)` runs the engine on the n-th served frame and must be synchronous. A camera's last frame is always served.

    >>> from bench_freeze.measure.clock import FakeClock
    >>> clock = FakeClock()
    >>> slow = lambda n: clock.advance(0.15)
    >>> served = serve_cameras(slow, clock, [Camera(0.0, 0.1, 0.0, 4)])
    >>> [round(frame.arrived_s, 1) for frame in served.frames], served.dropped
    ([0.0, 0.1, 0.3], 1)
    """
    frames: list[Frame] = []
    unserved = [0] * len(cameras)  # the first frame of each stream that is neither served nor dropped
    dropped = 0
    while True:
        open_streams = [s for s, camera in enumerate(cameras) if unserved[s] < camera.count]
        if not open_streams:
            return Served(tuple(frames), dropped)
        first = min(open_streams, key=lambda s: cameras[s].arrival_s(unserved[s]))
        clock.wait_until_s(cameras[first].arrival_s(unserved[first]))
        started_s = clock.now_s()
        newest = max(cameras[first].newest(started_s), unserved[first])
        call(len(frames))
        frames.append(Frame(first, cameras[first].arrival_s(newest), started_s, clock.now_s()))
        dropped += newest - unserved[first]
        unserved[first] = newest + 1


def serve_without_pause(call: Callable[[int], object], clock: Clock, streams: int, until_s: float) -> Served:
    """Let every stream ask again as soon as it has its result, until `until_s` of the clock: the engine never waits."""
    frames: list[Frame] = []
    asked = [clock.now_s()] * streams
    while not frames or frames[-1].done_s < until_s:
        stream = len(frames) % streams
        started_s = clock.now_s()
        call(len(frames))
        frames.append(Frame(stream, asked[stream], started_s, clock.now_s()))
        asked[stream] = frames[-1].done_s
    return Served(tuple(frames), 0)
