"""A step of the first run: a command with a limit, what must have gone well before it, and how its outcome is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Status = Literal["ok", "failed", "too long", "no result", "left out"]


@dataclass(frozen=True)
class Ran:
    """What is left of a process: its exit status, the end of its output, and the json file that it may have written."""

    status: int
    output: str
    result: Path


@dataclass(frozen=True)
class Reading:
    """Figures for the table, what is kept beside them, and why the step failed, empty where it did not."""

    figures: str = ""
    data: Any = None
    why: str = ""
    has_result: bool = True


Reader = Callable[[Ran], Reading]


@dataclass(frozen=True)
class Step:
    """One command. `{result}` in it is the path of the json file that it writes."""

    name: str
    command: tuple[str, ...]
    seconds: float
    read: Reader
    needs: tuple[str, ...] = ()  # what earlier steps must have given; without, this one is left out
    unless: str = ""  # what makes this step needless, if an earlier one gave it
    gives: str = ""  # what later steps may need, where this one goes well; its name if empty
    environment: Mapping[str, str] = field(default_factory=dict)
    makes: tuple[Path, ...] = ()  # files that later steps use
    left_out: str = ""  # why there is no point in running it, known beforehand

    @property
    def given(self) -> str:
        """What later steps may need."""
        return self.gives or self.name


@dataclass(frozen=True)
class Outcome:
    """What a step came to."""

    name: str
    status: Status
    seconds: float
    command: str
    figures: str = ""
    why: str = ""  # a sentence where the status is not ok
    data: Any = None
    output: str = ""  # its end, where the status is not ok


def read_status(ran: Ran) -> Reading:
    """A command that says by its exit status alone how it went."""
    return Reading(why="" if ran.status == 0 else f"ended with {ran.status}")


def read_json(ran: Ran) -> Reading:
    """A program of this folder: its json has `figures`, a line for the table, and may have `why`, what is wrong."""
    ended = read_status(ran).why
    try:
        data = json.loads(ran.result.read_text())
        return Reading(str(data["figures"]), data, str(data.get("why", "")) or ended)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Reading(why=ended or "ended without a result", has_result=ended != "")


def read_equality(ran: Ran) -> Reading:
    """tests/cuda/equality.cu: its last word is "equal"."""
    different = re.findall(r"^DIFFERENT: .*$", ran.output, re.MULTILINE)
    if different:
        return Reading(why=different[0])
    if ran.status != 0:
        return read_status(ran)
    is_equal = re.search(r"^equal$", ran.output, re.MULTILINE) is not None
    return Reading(figures="equal to the CPU", has_result=is_equal, why="" if is_equal else "it said nothing")


def read_sanitizer(ran: Ran) -> Reading:
    """compute-sanitizer around the same program: no error of its own, and the program came to its end."""
    found = re.findall(r"^=+ (?:RACECHECK|ERROR) SUMMARY: .*$", ran.output, re.MULTILINE)
    summary = found[-1].lstrip("= ") if found else ""
    clean = re.search(r"SUMMARY: 0 (errors|hazards displayed)", summary) is not None
    if ran.status != 0 or (found and not clean):
        return Reading(why=summary or f"ended with {ran.status}")
    if not found:
        return Reading(why="compute-sanitizer gave no summary", has_result=False)
    inside = read_equality(ran)
    return Reading(summary, why=inside.why, has_result=inside.has_result)


def read_pytest(ran: Ran) -> Reading:
    """Some tests passed, and none failed; tests that were skipped are counted."""
    found = re.findall(r"^(?:=+ )?((?:\d+ [a-z]+(?:, )?)+) in [\d.]+s", ran.output, re.MULTILINE)
    counted = found[-1] if found else ""
    if ran.status != 0:
        return Reading(counted, why=f"pytest ended with {ran.status}")
    if " passed" not in counted:
        return Reading(why="no test passed", has_result=False)
    return Reading(counted)


def read_study(out: Path, ran: Ran) -> Reading:
    """A study in `out`: its rows by freeze depth, accuracy, median latency, and what its trainings took."""
    ended = read_status(ran).why
    try:
        rows = json.loads((out / "results.json").read_text())["rows"]
        figures = "; ".join(map(_row, rows))
    except (OSError, ValueError, KeyError, TypeError):
        return Reading(why=ended or "the study left no results.json that can be read", has_result=ended != "")
    return Reading(figures, [{name: row.get(name) for name in ("freeze", "train", "latency")} for row in rows], ended)


def _row(row: dict[str, Any]) -> str:
    latency, train = row["latency"]["model"]["p50_s"], row["train"]
    return (
        f"freeze {row['freeze']}: mAP {row['target']['map']:.3f}, p50 {1e3 * latency:.2f} ms, trained in "
        f"{train['seconds']:.1f} s, amp {train['effective']['amp']}"
    )
