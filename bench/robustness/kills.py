"""A study is killed again and again, and ends as if nobody had.

Each chain is one small real study: it is started, killed by SIGKILL, started again by the same command, killed again,
and in the end left to finish. A kill comes right before the n-th change of the disk (creating, syncing, renaming,
removing), one in four at any moment instead. After every kill what can be read must be readable; after the last run
results equal those of the undisturbed study but for what clocks decide, and nothing is left over.
"""

from __future__ import annotations

import random
import re
import shutil
import signal
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .nursery import At, Done, Nursery
from .small_study import SmallStudy, differences, read_results, without_clocks

POINTS = 100  # of the committed figure
KILLS = 6  # of one chain
_MEAN_CHANGES = 25


def run(minutes: float, seed: int, points: int = POINTS, engine: str = "ort") -> dict[str, Any]:
    """Kill at `points` points, as far as `minutes` allow; counts, and for every failure its chain of kills."""
    end, draw = time.monotonic() + 60 * minutes, random.Random(seed)
    found: dict[str, Any] = {"seed": seed, "points": 0, "chains": 0, "equal": 0, "leftovers": 0, "failures": []}
    at: set[str] = set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Nursery({"BENCH_FREEZE_CACHE": str(folder / "cache"), "TMPDIR": str(folder)}) as nursery:
            chain = _Chain(folder, nursery, SmallStudy(folder / "data", engine))
            chain.study.make()
            undisturbed = chain.step(None)
            if undisturbed.status != 0:
                raise RuntimeError(f"the undisturbed study failed:\n{undisturbed.output}")
            expected, files = without_clocks(read_results(chain.out)), _names(chain.out)
            found["changes"] = len(undisturbed.changes)
            while found["points"] < points and (time.monotonic() < end or not found["chains"]):
                kills = min(KILLS, points - found["points"])
                done = chain.run(draw, kills, undisturbed, end)
                found["points"] += len(done)
                found["chains"] += 1
                at |= {_kind(change) for _, change in done}
                problems = [*chain.problems, *chain.judge(expected)]
                left = sorted(_names(chain.out) - files)
                found["equal"] += not problems
                found["leftovers"] += len(left)
                if problems or left:
                    kills_made = [asdict(kill) for kill, _ in done]
                    found["failures"].append({"kills": kills_made, "problems": problems, "left": left})
    found["kinds_of_points"] = sorted(at)
    return found


class _Chain:
    """One study in one folder, started again and again."""

    def __init__(self, folder: Path, nursery: Nursery, study: SmallStudy) -> None:
        self.study, self._nursery = study, nursery
        self.out = folder / "chain" / "out"
        self._scratch = folder / "scratch"
        self._scratch.mkdir()
        self.last: Done | None = None
        self.problems: list[str] = []

    def step(self, kill: At | None) -> Done:
        """One start of the study."""
        self.last = self._nursery.run(self.study.arguments(self.out), self._scratch, kill, self.out)
        return self.last

    def run(self, draw: random.Random, kills: int, undisturbed: Done, end: float) -> list[tuple[At, str]]:
        """A new study, killed up to so many times and then finished; the kills, with the change each came before."""
        shutil.rmtree(self.out.parent, ignore_errors=True)
        self.problems = []
        made: list[tuple[At, str]] = []
        while len(made) < kills and time.monotonic() < end:
            if draw.random() < 0.25:
                kill = At(after_s=draw.uniform(0, undisturbed.seconds / 2))
            else:
                kill = At(change=1 + int(draw.expovariate(1 / _MEAN_CHANGES)))
            done = self.step(kill)
            if done.status != -signal.SIGKILL:  # it had ended before
                break
            made.append((kill, done.changes[-1] if kill.change and done.changes else "any moment"))
            self.problems += self._unreadable()
        self.step(None)
        return made

    def judge(self, expected: Any) -> list[str]:
        """What is wrong with the end of a chain."""
        assert self.last is not None
        if self.last.status != 0 or "Traceback" in self.last.output:
            return [f"the last run ended with {self.last.status}: {self.last.output[-2000:]}"]
        if "is damaged" in self.last.output:
            return [f"a kill left something that is damaged: {self.last.output[:2000]}"]
        return differences(expected, without_clocks(read_results(self.out)))

    def _unreadable(self) -> list[str]:
        from bench_freeze.errors import InputError
        from bench_freeze.report.documents import read_document

        results = self.out / "results.json"
        try:
            if results.exists():
                read_document(results)
        except InputError as error:
            return [f"results.json after a kill: {error}"]
        return []


def _names(out: Path) -> set[str]:
    """Every file and folder, by the names that two runs of a study share: statistics are keyed by what clocks said."""
    names = (str(path.relative_to(out)) for path in out.rglob("*"))
    return {re.sub(r"statistics-[0-9a-f]{12}", "statistics", name) for name in names}


def _kind(change: str) -> str:
    """A change without the tokens in its names."""
    return re.sub(r"-[0-9a-f]{12}", "", re.sub(r"\.[0-9a-f]{8}\.partial", ".partial", change))
