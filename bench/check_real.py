"""Real checks on a busy machine: an equal model, one that is slower by real layers, and a different CPU limit.

    python bench/check_real.py WEIGHTS.pt IMAGES --json FILE [--checks 40] [--folder DIR]

Exports a detector at 160 pixels, keeps it as a baseline with its model, and checks other models against it under a
varying load: processes that multiply matrices or copy memory, 0 to 2 at a time, for 2 to 15 seconds each, by a fixed
seed. Every check is a whole `bench-freeze check` of the model's latency with a limit of 5 %. The first two checks have
a baseline that was timed on one core. Results are written after every check; the same command resumes the series.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import random
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from check_models import retrained, with_layers

from bench_freeze import cli
from bench_freeze.engines.open import open_exported
from bench_freeze.environment import environment
from bench_freeze.measure.clock import ProcessorClock
from bench_freeze.measure.rounds import Rounds

SIZE = 160
SEED = 16
EXTRA = {"behind": 0, "layers": 3}  # 3x3 convolutions after the stem
RULES = "[limits]\nlatency_pipeline = 'off'\nsize = 'off'\n"
EXPECTED = {"equal": 0, "slower": 1}


def busy(seed: int) -> None:
    """Run load until the process is killed: odd seeds multiply matrices, even ones copy memory."""
    generator = np.random.default_rng(seed)
    a = generator.random((400, 400), np.float32)
    b = np.zeros(8_000_000, np.float32)
    while True:
        if seed % 2:
            a = np.clip(a @ a, 0, 1)
        else:
            b[:] = b[::-1]


class Load(threading.Thread):
    """A varying load; `log` has (seconds since the start, number of processes)."""

    def __init__(self, seed: int) -> None:
        super().__init__(daemon=True)
        self._random, self._over = random.Random(seed), threading.Event()
        self.log: list[tuple[float, int]] = []

    def run(self) -> None:
        began, number = time.monotonic(), 0
        while not self._over.is_set():
            count = self._random.randint(0, 2)
            self.log.append((round(time.monotonic() - began, 1), count))
            running = [multiprocessing.Process(target=busy, args=(number + k,), daemon=True) for k in range(count)]
            number += count
            for process in running:
                process.start()
            self._over.wait(self._random.uniform(2, 15))
            for process in running:
                process.kill()
                process.join()

    def end(self) -> None:
        self._over.set()
        self.join()


def command(*words: object) -> int:
    """Run one bench-freeze command silently; its exit status."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        return int(cli.main([str(word) for word in words]) or 0)


def profile(model: Path, images: Path) -> Path:
    out = model.with_suffix(".profile.json")
    short = ("--threads", 1, "--samples", 64, "--seconds", 1)
    assert command("profile", model, "--out", out, "--images", images, *short) == 0
    return out


def keep(run: Path, name: str) -> Path:
    baseline = run.with_name(f"{name}.json")
    assert command("baseline", "update", run, "--to", baseline, "--reason", "bench", "--with-models") == 0
    return baseline


def one_check(run: Path, baseline: Path, images: Path, max_minutes: float) -> dict[str, Any]:
    """Run a whole check; its exit status, the measured change, and how long it took."""
    out, rules = run.with_name("check.json"), run.with_name("rules.toml")
    rules.write_text(RULES)
    load = os.getloadavg()[0]
    began = time.monotonic()
    status = command(
        *("check", run, "--baseline", baseline, "--config", rules, "--json", out),
        *("--images", images, "--max-minutes", max_minutes),
    )
    seconds = time.monotonic() - began
    (found,) = [f for f in json.loads(out.read_text())["findings"] if f["rule"] == "latency_model"]
    reference = found["reference"] or 1.0
    return {
        "exit": status,
        "share": found["change_share"],
        "low": None if found["low"] is None else found["low"] / reference,
        "high": None if found["high"] is None else found["high"] / reference,
        "rounds": found["rounds"],
        "seconds": round(seconds, 1),
        "load_before": round(load, 1),
        "max_minutes": max_minutes,
    }


def cost(models: dict[str, Path], seconds: float) -> dict[str, Any]:
    """Ratio of each model's processor time to the first model's, in rounds within one process."""
    images = np.random.default_rng(0).random((1, 3, SIZE, SIZE), np.float32)
    engines = {name: open_exported("ort", path, "cpu", 1, spin="never") for name, path in models.items()}
    calls = {name: lambda k, engine=engine: engine.infer(images) for name, engine in engines.items()}
    rounds = Rounds(calls, ProcessorClock(), pairs=9)
    rounds.warm_up(2)
    rounds.run(1000, max_seconds=seconds)
    first = next(iter(models))
    ratios = {name: rounds.ratio(name, to=first) for name in models if name != first}
    return {name: {"ratio": r.value, "low": r.low, "high": r.high, "rounds": r.rounds} for name, r in ratios.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("weights", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--checks", type=int, default=40)
    parser.add_argument("--max-minutes", type=float, default=4.0)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--folder", type=Path, help="keep the models here, so that a series can be resumed")
    parsed = parser.parse_args()
    kept: dict[str, Any] = {"limit": 0.05, "checks": [], "load": []}
    if parsed.json.is_file():
        kept = json.loads(parsed.json.read_text())
    kept["environment"] = environment()
    with tempfile.TemporaryDirectory() as scratch:
        folder = parsed.folder or Path(scratch)
        models = make_models(parsed.weights, parsed.images, folder)
        if "processor_time_before_load" not in kept:
            kept["processor_time_before_load"] = cost(models, 30)
        runs = {name: profile(model, parsed.images) for name, model in models.items()}
        usual = keep(runs["old"], "usual")
        kept["against_itself"] = command("check", runs["old"], "--baseline", usual)
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cores)})
        limited = keep(profile(models["old"], parsed.images), "limited")
        os.sched_setaffinity(0, cores)
        load = Load(SEED + len(kept["checks"]))
        earlier = kept["load"]
        load.start()
        for kind, baseline in cases_left(parsed.checks, kept["checks"], (usual, limited)):
            found = one_check(runs[kind], baseline, parsed.images, parsed.max_minutes)
            kept["checks"].append({"model": kind, "baseline": baseline.stem, **found})
            kept["load"] = [*earlier, *load.log]
            parsed.json.write_text(json.dumps(kept) + "\n")
            told = found["exit"], found["share"], len(found["rounds"]), found["seconds"]
            print(kind, baseline.stem, *told, flush=True)
        load.end()
    print(summary(kept))


def make_models(weights: Path, images: Path, folder: Path) -> dict[str, Path]:
    """Make the old model, one with equal work and the slower one; an old model that exists is kept."""
    models = {name: folder / f"{name}.onnx" for name in ("old", *EXPECTED)}
    if not models["old"].is_file():
        folder.mkdir(parents=True, exist_ok=True)
        exported = ("export", "--weights", weights, "--imgsz", SIZE, "--images", images, "--out", models["old"])
        assert command(*exported) == 0
    retrained(models["old"], models["equal"], SEED)
    with_layers(models["old"], models["slower"], **EXTRA)
    return models


def cases_left(checks: int, done: list[dict[str, Any]], baselines: tuple[Path, Path]) -> list[tuple[str, Path]]:
    """The checks that remain: one of each model against the limited baseline, then pairs of both in random order."""
    usual, limited = baselines
    order, kinds = random.Random(SEED), list(EXPECTED)
    pairs = [(kind, usual) for _ in range(checks // 2) for kind in order.sample(kinds, len(kinds))]
    cases = [*((kind, limited) for kind in kinds), *pairs]
    for check in done:
        known = [case for case in cases if (case[0], case[1].stem) == (check["model"], check["baseline"])]
        if known:
            cases.remove(known[0])
    return cases


def summary(kept: dict[str, Any]) -> str:
    """The outcomes of the checks, one line for each model and baseline."""
    lines = []
    for kind, expected in EXPECTED.items():
        for baseline in ("usual", "limited"):
            found = [c for c in kept["checks"] if (c["model"], c["baseline"]) == (kind, baseline)]
            if found:
                exits = [c["exit"] for c in found]
                took = sorted(c["seconds"] for c in found)[len(found) // 2]
                rounds = sorted(len(c["rounds"]) for c in found)[len(found) // 2]
                wrong = sum(e not in (expected, 3) for e in exits)
                lines.append(
                    f"{kind}, {baseline} baseline: {len(found)} checks, right {exits.count(expected)}, wrong {wrong}, "
                    f"open {exits.count(3)}; median {took:g} s, {rounds} rounds"
                )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
