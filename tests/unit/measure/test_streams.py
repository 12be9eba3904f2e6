"""Streams on one engine, on a fake clock, against a simulation that moves in ticks."""

from __future__ import annotations

import random

import pytest

from bench_freeze.measure.clock import FakeClock, HostClock
from bench_freeze.measure.streams import Camera, serve_cameras, serve_without_pause

TICK_S = 1 / 1024  # moments are multiples of it, so no sum of them rounds


def by_ticks(arrivals: list[list[int]], durations: list[int]) -> tuple[list[tuple[int, int, int]], int]:
    """(stream, arrival, done) of every frame served, and the number dropped, tick after tick."""
    waiting: dict[int, int] = {}  # stream to its waiting frame, in the order in which the streams came to wait
    served, dropped, now, busy_until = [], 0, 0, 0
    last = max(arrival for stream in arrivals for arrival in stream)
    while now <= last or waiting:
        for stream, times in enumerate(arrivals):
            if now in times:
                dropped += stream in waiting
                waiting[stream] = now  # a key that is there keeps its place
        if now >= busy_until and waiting:
            stream = next(iter(waiting))
            arrival = waiting.pop(stream)
            busy_until = now + durations[len(served)]
            served.append((stream, arrival, busy_until))
        now += 1
    return served, dropped


@pytest.mark.parametrize("seed", range(60))
def test_it_is_what_a_simulation_in_ticks_does(seed):
    rng = random.Random(seed)
    period = rng.choice([4, 8, 16, 32])  # so that a phase is a fraction without rounding
    phases = rng.sample(range(period), rng.randint(1, 4))  # no two arrive in one tick
    counts = [rng.randint(1, 30) for _ in phases]
    durations = [rng.randint(1, rng.choice([3, 12, 60])) for _ in range(sum(counts))]
    arrivals = [[phase + k * period for k in range(count)] for phase, count in zip(phases, counts, strict=True)]
    expected, dropped = by_ticks(arrivals, durations)

    clock = FakeClock()
    cameras = [Camera(0.0, period * TICK_S, phase / period, count) for phase, count in zip(phases, counts, strict=True)]
    served = serve_cameras(lambda n: clock.advance(durations[n] * TICK_S), clock, cameras)

    found = [(f.stream, round(f.arrived_s / TICK_S), round(f.done_s / TICK_S)) for f in served.frames]
    assert found == expected
    assert served.dropped == dropped
    assert len(served.frames) + served.dropped == sum(counts)


def test_a_fast_engine_drops_nothing_and_answers_in_the_time_of_its_call():
    clock = FakeClock()
    cameras = [Camera(1.0, 0.125, phase, 40) for phase in (0.0, 0.25, 0.5)]
    served = serve_cameras(lambda n: clock.advance(0.015625), clock, cameras)
    assert served.dropped == 0
    assert {frame.response_s for frame in served.frames} == {0.015625}


def test_a_frame_waits_for_that_of_another_stream():
    clock = FakeClock()
    served = serve_cameras(lambda n: clock.advance(0.25), clock, [Camera(0, 1.0, 0.0, 1), Camera(0, 1.0, 0.125, 1)])
    assert [frame.response_s for frame in served.frames] == [0.25, 0.375]


def test_no_stream_starves_when_the_engine_is_far_too_slow():
    clock = FakeClock()
    cameras = [Camera(0.0, 1.0, phase, 300) for phase in (0.0, 0.1, 0.2, 0.9)]
    served = serve_cameras(lambda n: clock.advance(1.7), clock, cameras)
    shares = [sum(frame.stream == s for frame in served.frames) for s in range(4)]
    assert max(shares) - min(shares) <= 1


def test_without_a_rate_every_stream_waits_for_all_the_others():
    clock = FakeClock()
    served = serve_without_pause(lambda n: clock.advance(0.25), clock, 3, until_s=3.0)
    assert [frame.stream for frame in served.frames] == [0, 1, 2] * 4
    assert [frame.response_s for frame in served.frames] == [0.25, 0.5] + [0.75] * 10
    assert served.dropped == 0


def test_the_hosts_clock_is_waited_on():
    clock = HostClock()
    camera = Camera(clock.now_s() + 0.01, 0.01, 0.0, 5)
    served = serve_cameras(lambda n: None, clock, [camera])
    assert len(served.frames) + served.dropped == 5
    assert all(frame.started_s >= frame.arrived_s for frame in served.frames)
