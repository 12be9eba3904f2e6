"""Latency traces for bench/check_simulation.py: made ones with every fault that real ones have, and recorded ones."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench_freeze.measure.stopping import StoppingRule

INPUTS = 16  # distinct batches that a run takes in turn
LONGEST = 200  # the default --latency-samples
RULE = StoppingRule(LONGEST, 1e9)
RUN_SD = 0.005  # of a whole run's level
DRIFT_SD = 0.01  # from the first to the last sample
RECORDED_BLOCK = 32  # long enough for correlation and steps of recorded traces

Trace = NDArray[np.float64]


def made_pair(generator: np.random.Generator) -> tuple[Trace, Trace]:
    """Two runs of one artifact: images that differ, AR(1) noise, spikes, a drift and a level of each run."""
    level = math.exp(generator.uniform(math.log(2e-3), math.log(4e-2)))
    of_input = generator.normal(0, 0.02, INPUTS)
    rho, noise = generator.uniform(0.2, 0.7), generator.uniform(0.015, 0.04)
    return tuple(_made(generator, level, of_input, rho, noise) for _ in range(2))  # type: ignore[return-value]


def _made(
    generator: np.random.Generator, level: float, of_input: NDArray[np.float64], rho: float, noise: float
) -> Trace:
    steps = generator.normal(0, noise * math.sqrt(1 - rho**2), LONGEST + 50)
    logs = np.zeros(LONGEST + 50)
    for i in range(1, len(logs)):
        logs[i] = rho * logs[i - 1] + steps[i]
    logs = logs[50:] + np.resize(of_input, LONGEST)
    is_spike = generator.random(LONGEST) < 0.02
    logs += is_spike * generator.lognormal(math.log(0.2), 0.7, LONGEST)  # a long tail: +22 % in the median, at times x3
    logs += generator.normal(0, DRIFT_SD) * np.linspace(-0.5, 0.5, LONGEST) + generator.normal(0, RUN_SD)
    return stopped(level * np.exp(logs))


@cache
def recorded_traces(folder: Path) -> list[Trace]:
    """Every trace of 64 samples or more in committed results, each once."""
    found: dict[tuple[float, ...], Trace] = {}
    for file in sorted(folder.glob("*.json")):
        results = json.loads(file.read_text())
        if not isinstance(results, dict) or "originals" not in results:
            continue
        for row in (*results["originals"], *results["rows"]):
            for scope in ("model", "pipeline"):
                samples = (row["latency"][scope] or {}).get("samples_s", [])
                if len(samples) >= 64:
                    found[tuple(samples[:8])] = np.array(samples)
    return list(found.values())


def recorded_pair(generator: np.random.Generator, traces: list[Trace]) -> tuple[Trace, Trace]:
    """Two runs out of one recorded one: long blocks of it, and a level of each run."""
    trace = traces[generator.integers(len(traces))]

    def drawn() -> Trace:
        starts = generator.integers(0, len(trace), -(-LONGEST // RECORDED_BLOCK))
        positions = (starts[:, None] + np.arange(RECORDED_BLOCK)).reshape(-1)[:LONGEST] % len(trace)
        return stopped(trace[positions] * math.exp(generator.normal(0, RUN_SD)))

    return drawn(), drawn()


def stopped(samples: Trace) -> Trace:
    """Cut where the default stopping rule ends a run: precise enough, or 200 samples."""
    summary = RULE.summary()
    for n, sample in enumerate(samples.tolist(), start=1):
        if RULE.reason_to_stop(n, 0.0, summary.add(sample)) is not None:
            return samples[:n]
    return samples
