"""The power modes of a Jetson: list them, set one with its clocks locked, and restore the original state.

`nvpmodel` sets a mode, and `jetson_clocks` locks every clock to the maximum of that mode. Both need root. Some changes
of mode need a reboot. nvpmodel then asks for one, the answer is no, and the mode is skipped with that reason.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ...errors import InputError, MeasurementError
from .board_commands import PowerMode, parse_clocks, parse_power_mode

CONFIGURATION = Path("/etc/nvpmodel.conf")
TIMEOUT_SECONDS = 60.0

_MODEL = re.compile(r"^\s*<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+?)\s*>", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """A command's exit status and everything that it printed."""

    status: int
    text: str


Run = Callable[[Sequence[str]], Answer]


class ModeRefused(MeasurementError):
    """The board refused a mode; the other modes can still be measured."""


def parse_modes(text: str) -> tuple[PowerMode, ...]:
    """The modes that nvpmodel.conf defines, in its order, without those that are commented out."""
    return tuple(PowerMode(name, int(number)) for number, name in _MODEL.findall(text))


def chosen_modes(asked: str, modes: Sequence[PowerMode]) -> tuple[PowerMode, ...]:
    """The modes that `all`, or a list of numbers and names, selects. Raises InputError for a mode that does not exist.

    >>> modes = (PowerMode("MAXN", 0), PowerMode("15W", 1))
    >>> [mode.name for mode in chosen_modes("1,maxn", modes)]
    ['15W', 'MAXN']
    """
    if asked == "all":
        return tuple(modes)
    by_word = {str(mode.number): mode for mode in modes} | {mode.name.casefold(): mode for mode in modes}
    chosen = []
    for word in (part.strip() for part in asked.split(",")):
        if word.casefold() not in by_word:
            known = ", ".join(f"{mode.number} ({mode.name})" for mode in modes)
            near = get_close_matches(word.casefold(), by_word, 1)
            hint = f" Did you mean {by_word[near[0]].name}?" if near else ""
            raise InputError(f"--power-modes {word}: this board has {known}; give some of them, or all.{hint}")
        chosen.append(by_word[word.casefold()])
    return tuple(dict.fromkeys(chosen))


class PowerModes:
    """The board's modes. `run` runs a command as root; tests replay recorded answers."""

    def __init__(self, run: Run | None = None, configuration: Path = CONFIGURATION) -> None:
        """Raise InputError where the board has no power modes, or its tools cannot be used."""
        if run is None:
            missing = [name for name in ("nvpmodel", "jetson_clocks") if shutil.which(name) is None]
            if missing:
                raise InputError(f"--power-modes is for a Jetson: {' and '.join(missing)} cannot be found here.")
        self._run = run or run_as_root
        try:
            self.modes = parse_modes(configuration.read_text())
        except OSError as error:
            raise InputError(f"--power-modes: {configuration} cannot be read ({error.strerror}).") from error
        if not self.modes:
            raise InputError(f"--power-modes: {configuration} defines no power mode.")

    def now(self) -> PowerMode:
        """The current mode, with its number even where nvpmodel reports only the name."""
        mode = parse_power_mode(self._answer("nvpmodel", "-q"))
        if mode.number is not None:
            return mode
        return next((known for known in self.modes if known.name == mode.name), mode)

    def set(self, mode: PowerMode) -> None:
        """Set a mode and lock its clocks. Raises ModeRefused with the board's reason if the mode does not change."""
        answer = self._run(("nvpmodel", "-m", str(mode.number)))
        now = self.now()
        if now.number != mode.number:
            said = " ".join(answer.text.split())
            reason = (
                "it needs a restart of the board" if "reboot" in said.casefold() else f"nvpmodel said: {said[:160]}"
            )
            raise ModeRefused(f"{mode.name} cannot be set while the board runs: {reason}")
        self._lock()

    @contextmanager
    def restored(self, keep: Path) -> Iterator[PowerMode]:
        """Yield the current mode, and restore it and the clocks at the end, whatever happens in between.

        The original clocks are stored in `keep` in case the process is killed. An existing `keep` comes from such a run
        and must not be overwritten: raises InputError with the command that restores the clocks. Raises
        MeasurementError where the board cannot be restored.
        """
        if keep.exists():
            raise InputError(
                f"--power-modes: {keep} holds the clocks from before a run that was killed; run `sudo jetson_clocks "
                f"--restore {keep}`, set your power mode with `sudo nvpmodel -m NUMBER`, and remove the file."
            )
        before = self.now()
        if before.number is None:
            raise InputError(f"--power-modes: the board is in {before.name}, which nvpmodel.conf does not define.")
        self._answer("jetson_clocks", "--store", str(keep))
        try:
            yield before
        finally:
            self._restore(before, keep)

    def _restore(self, before: PowerMode, keep: Path) -> None:
        now: PowerMode | None = None
        with suppress(MeasurementError, InputError):  # restore the clocks all the same
            self.set(before)
        clocks = self._run(("jetson_clocks", "--restore", str(keep)))
        with suppress(MeasurementError, InputError):
            now = self.now()
        if clocks.status != 0 or now is None or now.number != before.number:
            raise MeasurementError(
                f"the board could not be put back into {before.name}; run `sudo nvpmodel -m {before.number}` and `sudo "
                f"jetson_clocks --restore {keep}`."
            )
        keep.unlink(missing_ok=True)

    def _lock(self) -> None:
        self._answer("jetson_clocks")
        if not parse_clocks(self._answer("jetson_clocks", "--show")).hold:
            raise ModeRefused("jetson_clocks did not lock the clocks of this mode")

    def _answer(self, *command: str) -> str:
        answer = self._run(command)
        if answer.status != 0:
            said = " ".join(answer.text.split())[:160]
            raise MeasurementError(
                f"{' '.join(command)} ended with {answer.status}: {said}; --power-modes needs root, or sudo without a "
                "password."
            )
        return answer.text


def run_as_root(command: Sequence[str]) -> Answer:
    """Run a command as root, through sudo where necessary; answer any question that it asks with no."""
    argv = [*command] if os.geteuid() == 0 else ["sudo", "-n", *command]
    try:
        done = subprocess.run(
            argv,
            input="NO\n",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Answer(1, str(error))
    return Answer(done.returncode, done.stdout)
