"""One flipped bit, and one truncation, in every file of an output folder: noticed and made again, or refused.

Two folders are damaged, file by file: of a finished study, and of one that was killed in its training. After each
damage the readers read (report with its page, check against the undamaged run) and the study is run again. Whatever is
put out then equals what the undamaged folder gives, or the damage is said.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .nursery import At, Done, Nursery
from .small_study import SmallStudy, differences, read_results, without_clocks

READ = ("results.json", "matches.zip", "examples.json", "baseline.json", "baseline.matches.zip")
_SAID = (
    "is damaged",
    "changed after it was written",
    "No example images",
    "not a complete json",
    "is not a match file",
)


@dataclass(frozen=True)
class Damage:
    """One damage: which folder's which file, and the bit that flips, or the length that is left."""

    state: str
    file: str
    bit: int | None
    length: int | None

    def apply(self, folder: Path) -> None:
        """Do it."""
        path = folder / self.file
        content = bytearray(path.read_bytes())
        if self.bit is not None:
            content[self.bit // 8] ^= 1 << self.bit % 8
        path.write_bytes(content[: self.length])


def run(minutes: float, seed: int, engine: str = "ort", rounds: int = 1, at_most: int | None = None) -> dict[str, Any]:
    """Damage every file of both folders `rounds` times in both ways, in a drawn order, as far as `minutes` allow."""
    end, draw = time.monotonic() + 60 * minutes, random.Random(seed)
    counts = dict.fromkeys(("flips", "truncations", "remade", "refused", "rewritten", "served", "exceptions"), 0)
    failures: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Nursery({"BENCH_FREEZE_CACHE": str(folder / "cache"), "TMPDIR": str(folder)}) as nursery:
            bench = _Bench(folder, nursery, SmallStudy(folder / "data", engine))
            planned = list(bench.damages(draw, rounds))
            files = len({(damage.state, damage.file) for damage in planned})
            tried: list[Damage] = []
            for damage in planned[:at_most]:
                if time.monotonic() > end:
                    break
                tried.append(damage)
                outcome, why = bench.outcome(damage)
                counts["flips" if damage.bit is not None else "truncations"] += 1
                counts[outcome] += 1
                if outcome in ("served", "exceptions"):
                    failures.append({**vars(damage), "outcome": outcome, "why": why})
    done = len({(damage.state, damage.file) for damage in tried})
    return {
        "seed": seed,
        "files": files,
        "files_damaged": done,
        "planned": len(planned),
        **counts,
        "failures": failures,
    }


class _Bench:
    """The undamaged folders, and what is to come out of each."""

    def __init__(self, folder: Path, nursery: Nursery, study: SmallStudy) -> None:
        self._nursery, self._study = nursery, study
        self._out, self._scratch, self._page = folder / "work" / "out", folder / "scratch", folder / "page.html"
        self._kept = {state: folder / state for state in ("finished", "killed")}
        self._scratch.mkdir()
        study.make()
        whole = self._resume()
        self._to_baseline()
        shutil.copytree(self._out, self._kept["finished"])
        border = next(i for i, change in enumerate(whole.changes, 1) if change.endswith(".pt") and "progress" in change)
        shutil.rmtree(self._out)
        self._resume(At(change=border + 1))
        shutil.copytree(self._out, self._kept["killed"])
        self._expected = {"finished": read_results(self._kept["finished"])}
        self._resume()
        self._expected["killed"] = read_results(self._out)
        self._restore("finished")
        self._shown = self._read()

    def damages(self, draw: random.Random, rounds: int) -> Iterator[Damage]:
        """Every file of both folders, flipped and cut; the killed one's progress first, it is what this began with."""
        found = []
        for _ in range(rounds):
            for state, folder in self._kept.items():
                for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size):
                    size, file = path.stat().st_size, str(path.relative_to(folder))
                    found.append(Damage(state, file, draw.randrange(8 * size), None))
                    found.append(Damage(state, file, None, draw.randrange(size)))
        draw.shuffle(found)
        found.sort(key=lambda damage: "progress" not in damage.file)
        yield from found

    def outcome(self, damage: Damage) -> tuple[str, str]:
        """What came of one damage, in a word, and the reason where it is a bad one."""
        self._restore(damage.state)
        damage.apply(self._out)
        outcomes = [self._judge_readers()] if damage.state == "finished" and damage.file in READ else []
        outcomes.append(self._judge_resume(damage.state))
        for bad in ("exceptions", "served", "refused", "remade"):
            for outcome, why in outcomes:
                if outcome == bad:
                    return outcome, why
        return "rewritten", ""

    def _judge_resume(self, state: str) -> tuple[str, str]:
        done = self._resume()
        if "Traceback" in done.output or done.status not in (0, 1, 2, 3):
            return "exceptions", done.output[-3000:]
        if done.status != 0:
            return "refused", ""
        expected, found = self._expected[state], read_results(self._out)
        wrong = differences(without_clocks(expected), without_clocks(found))
        said = "is damaged" in done.output
        if not said:  # then nothing was measured again that had been before
            records = ("originals", "rows") if state == "finished" else ("originals",)
            for name in records:
                wrong += differences(_latencies(expected[name]), _latencies(found[name]), name)
        return ("served", f"{wrong[:20]}") if wrong else ("remade" if said else "rewritten", "")

    def _judge_readers(self) -> tuple[str, str]:
        outcomes = []
        for expected, found in zip(self._shown, self._read(), strict=True):
            if "Traceback" in found[1]:
                return "exceptions", found[1][-3000:]
            if found != expected and found[0] in (0, 1, 3) and not any(word in found[1] for word in _SAID):
                return "served", f"a reader said something else, with status {found[0]}: {found[1][:1000]}"
            outcomes.append("rewritten" if found == expected else "refused")
        return max(outcomes, key=("rewritten", "refused").index), ""

    def _read(self) -> list[tuple[int, str]]:
        """Status and text of every reader on the folder as it is."""
        out = self._out
        undamaged = self._kept["finished"]
        commands = [
            ["report", str(out)],
            ["report", str(out), "--html", str(self._page)],
            ["check", str(out / "results.json"), "--baseline", str(undamaged / "results.json"), "--all"],
            ["check", str(undamaged / "results.json"), "--baseline", str(out / "baseline.json"), "--all"],
        ]
        read = []
        for command in commands:
            self._page.write_text("")
            done = self._nursery.run(command, self._scratch)
            read.append((done.status, done.output + self._page.read_text()))
        return read

    def _to_baseline(self) -> None:
        to = str(self._out / "baseline.json")
        command = ["baseline", "update", str(self._out / "results.json"), "--to", to, "--reason", "a test"]
        done = self._nursery.run(command, self._scratch)
        if done.status != 0:
            raise RuntimeError(f"no baseline could be made:\n{done.output}")

    def _restore(self, state: str) -> None:
        shutil.rmtree(self._out, ignore_errors=True)
        shutil.copytree(self._kept[state], self._out)

    def _resume(self, kill: At | None = None) -> Done:
        done = self._nursery.run(self._study.arguments(self._out), self._scratch, kill, self._out)
        return done


def _latencies(records: list[dict[str, Any]]) -> list[Any]:
    return [record["latency"] for record in records]
