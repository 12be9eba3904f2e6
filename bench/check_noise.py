"""What machines do to durations, for bench/check_simulation.py: models of noise, and recorded runs.

The check knows none of the numbers here. A machine is a source of factors, one for every call in the order taken; in
addition, each run (or process) of a model has a level of its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CHUNK = 256
LEAST_SAMPLES = 64
Logs = NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """One kind of noise: `calls` yields chunks of a machine's log factors, `level` draws log levels of runs by shape.

    With `is_shared`, all rows of a run have one level (a machine, an hour); otherwise each has its own (memory,
    threads).
    """

    calls: Callable[[np.random.Generator], Iterator[Logs]]
    level: Callable[[np.random.Generator, tuple[int, ...]], Logs]
    is_shared: bool = False


def independent(sd: float) -> Callable[[np.random.Generator], Iterator[Logs]]:
    def calls(generator: np.random.Generator) -> Iterator[Logs]:
        while True:
            yield generator.normal(0, sd, CHUNK)

    return calls


def two_states(generator: np.random.Generator) -> Iterator[Logs]:
    """Two states that differ by x1.10, with a change before one call in 200; 2 % independent noise on top."""
    state = generator.integers(2)
    while True:
        changes = np.cumsum(generator.random(CHUNK) < 0.005)
        yield math.log(1.10) * ((state + changes) % 2) + generator.normal(0, 0.02, CHUNK)
        state = (state + changes[-1]) % 2


def bursts(generator: np.random.Generator) -> Iterator[Logs]:
    """Bursts of x1.15 that last 40 calls on average, started by one call in 100; 2 % independent noise on top."""
    left = 0
    while True:
        slow = np.zeros(CHUNK)
        for k in range(CHUNK):
            if left == 0 and generator.random() < 0.01:
                left = int(generator.geometric(1 / 40))
            slow[k] = left > 0
            left -= left > 0
        yield math.log(1.15) * slow + generator.normal(0, 0.02, CHUNK)


def random_walk(generator: np.random.Generator) -> Iterator[Logs]:
    """A random walk with steps of 0.2 % a call; 2 % independent noise on top."""
    at = 0.0
    while True:
        walk = at + np.cumsum(generator.normal(0, 0.002, CHUNK))
        at = walk[-1]
        yield walk + generator.normal(0, 0.02, CHUNK)


def recorded(folder: Path) -> Callable[[np.random.Generator], Iterator[Logs]]:
    """Whole recorded runs in random order, each with its level relative to other runs of its kind."""

    def calls(generator: np.random.Generator) -> Iterator[Logs]:
        runs = recorded_runs(folder)
        while True:
            yield runs[generator.integers(len(runs))]

    return calls


@cache
def recorded_runs(folder: Path) -> tuple[Logs, ...]:
    """Log durations of every VALID run of committed results, minus the mean level of its kind.

    A kind is a file, scope, construction and precision with at least five runs.
    """
    kinds: dict[tuple[str, ...], dict[tuple[float, ...], Logs]] = {}
    for file in sorted(folder.glob("*.json")):
        results = json.loads(file.read_text())
        if not isinstance(results, dict) or "originals" not in results:
            continue
        for row in results["rows"]:
            for scope in ("model", "pipeline"):
                found = row["latency"][scope] or {}
                samples = found.get("samples_s", [])
                if len(samples) >= LEAST_SAMPLES and found.get("verdict") == "VALID":
                    kind = (file.name, scope, row["construction"], row["precision"])
                    kinds.setdefault(kind, {})[tuple(samples[:8])] = np.log(samples)
    many = [runs.values() for runs in kinds.values() if len(runs) >= 5]
    return tuple(run - np.mean([np.median(other) for other in runs]) for runs in many for run in runs)


def no_level(generator: np.random.Generator, shape: tuple[int, ...]) -> Logs:
    return np.zeros(shape)


def normal_level(sd: float) -> Callable[[np.random.Generator, tuple[int, ...]], Logs]:
    return lambda generator, shape: generator.normal(0, sd, shape)


def rare_level(generator: np.random.Generator, shape: tuple[int, ...]) -> Logs:
    return np.where(generator.random(shape) < 0.1, math.log(1.08), 0.0)


def noises(results: Path) -> dict[str, Noise]:
    """Every kind of noise in the tables, by its name there."""
    quiet = independent(0.02)
    found = {"independent 2 %": Noise(quiet, no_level)}
    for percent in (1, 2, 3, 5):
        found[f"runs differ by sd {percent} %"] = Noise(quiet, normal_level(percent / 100))
    found["runs differ by sd 3 %, all rows together"] = Noise(quiet, normal_level(0.03), is_shared=True)
    found["one run in ten is 8 % slower"] = Noise(quiet, rare_level)
    found["the same, all rows together"] = Noise(quiet, rare_level, is_shared=True)
    found["two machine states, x1.10, p = .005"] = Noise(two_states, no_level)
    found["bursts x1.15"] = Noise(bursts, no_level)
    found["random walk .2 % a call"] = Noise(random_walk, no_level)
    found[f"{len(recorded_runs(results))} recorded runs"] = Noise(recorded(results), no_level)
    return found


class Machine:
    """One machine as time passes."""

    def __init__(self, noise: Noise, generator: np.random.Generator) -> None:
        self._chunks = noise.calls(generator)
        self._chunk = np.empty(0)

    def next(self, n: int) -> Logs:
        """Log factors of the next n calls."""
        while len(self._chunk) < n:
            self._chunk = np.concatenate([self._chunk, next(self._chunks)])
        taken, self._chunk = self._chunk[:n], self._chunk[n:]
        return taken
