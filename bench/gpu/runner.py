"""Runs steps one after the other, each in its own process with its own limit; none stops the next.

OUT holds `results.json` and `table.txt`, both written anew after every step, and `log.txt`, which every process writes
into directly: whatever ends this program, what was found until then is there.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from .step import Outcome, Ran, Reading, Status, Step
from .table import table

GRACE_S = 3.0  # between asking a process to end and ending it
LEAST_S = 3.0  # a step that has less is not begun
OUTPUT_CHARACTERS = 200_000  # of a step's output, as far as its outcome is read from them
KEPT_CHARACTERS = 3000  # of the output of a step that failed


class Runner:
    """Runs steps in `root`; results go to `out`."""

    def __init__(
        self,
        root: Path,
        out: Path,
        work: Path,
        seconds: float,
        environment: Mapping[str, str],
        tell: Callable[[str], None] = print,
    ) -> None:
        self._root, self._out, self._work = root, out, work
        self._ends = time.monotonic() + seconds
        self._environment = {**os.environ, **environment}
        self._tell = tell
        self.outcomes: list[Outcome] = []
        self._given: set[str] = set()
        for folder in (out, work):
            folder.mkdir(parents=True, exist_ok=True)

    def run(self, steps: Sequence[Step]) -> list[Outcome]:
        """Run the steps in their order. An outcome that is known is on disk before the next step begins."""
        for step in steps:
            outcome = self._outcome(step)
            self.outcomes.append(outcome)
            if outcome.status == "ok":
                self._given.add(step.given)
            self._write()
            self._tell(f"{outcome.name}: {outcome.status}, {outcome.seconds:.1f} s {outcome.figures or outcome.why}")
        return self.outcomes

    def _outcome(self, step: Step) -> Outcome:
        command = shlex.join(part.replace("{result}", str(self._result(step))) for part in step.command)
        if reason := self._left_out(step):
            return Outcome(step.name, "left out", 0.0, command, why=reason)
        for file in (self._result(step), *step.makes):  # what is there afterwards is this step's
            file.unlink(missing_ok=True)
        began = time.monotonic()
        limit = min(step.seconds, self._ends - began)
        with (self._out / "log.txt").open("ab") as log:
            log.write(f"\n=== {step.name}\n$ {command}\n".encode())
            log.flush()
            start = log.tell()
            try:
                status = self._process(step, shlex.split(command), log.fileno(), limit)
            except OSError as error:
                return Outcome(step.name, "failed", 0.0, command, why=f"could not be started: {error}")
        seconds = time.monotonic() - began
        output = self._output_from(start)
        reading = step.read(Ran(-1 if status is None else status, output, self._result(step)))
        state, why = _judge(step, reading)
        if status is None:
            state, why = "too long", f"ended at its limit of {limit:.0f} s"
        kept = "" if state == "ok" else output[-KEPT_CHARACTERS:]
        return Outcome(step.name, state, seconds, command, reading.figures, why, reading.data, kept)

    def _left_out(self, step: Step) -> str:
        if step.left_out:
            return step.left_out
        if step.unless in self._given:
            return f"{step.unless}: there is one already"
        if missing := [name for name in step.needs if name not in self._given]:
            return f"needs {missing[0]}"
        return "no time is left" if self._ends - time.monotonic() < LEAST_S else ""

    def _process(self, step: Step, words: list[str], log: int, limit: float) -> int | None:
        """The exit status, None at the limit. Whatever the process started ends with it."""
        process = subprocess.Popen(
            words,
            cwd=self._root,
            env={**self._environment, **step.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)

    def _result(self, step: Step) -> Path:
        return self._work / f"{step.name.replace(' ', '_').replace('/', '_')}.json"

    def _output_from(self, start: int) -> str:
        with (self._out / "log.txt").open("rb") as log:
            log.seek(max(start, log.seek(0, os.SEEK_END) - OUTPUT_CHARACTERS))
            return log.read().decode(errors="replace")

    def _write(self) -> None:
        _replace(self._out / "results.json", json.dumps([asdict(o) for o in self.outcomes], indent=1) + "\n")
        _replace(self._out / "table.txt", table(self.outcomes) + "\n")


def _judge(step: Step, reading: Reading) -> tuple[Status, str]:
    """What became of a step that came to its end, and why."""
    if not reading.has_result:
        return "no result", reading.why
    if reading.why:
        return "failed", reading.why
    missing = [path for path in step.makes if not path.exists()]
    return ("no result", f"it did not make {missing[0]}") if missing else ("ok", "")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and its group; one that hangs in the driver is left behind."""
    for number, patience in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, GRACE_S)):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            break
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and _is_alive(process):
            time.sleep(0.02)
    process.poll()


def _is_alive(process: subprocess.Popen[bytes]) -> bool:
    """Whether anything of its group still runs; what has ended and nobody takes leave of does not count."""
    process.poll()
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, group = file.read_text().rpartition(")")[2].split()[:3]
            if group == str(process.pid) and state != "Z":
                return True
    return False


def _replace(path: Path, text: str) -> None:
    """A file that is whole or the one before, whenever this program is killed."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.replace(path)
