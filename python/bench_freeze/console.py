"""What the user sees while work goes on: progress bars on a terminal, one plain line per step elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from .text.terminal import line, rich_console, say

LOG_EVERY_SECONDS = 60.0  # a log should show that a long step is alive, not be filled by it


class Step:
    """A step in progress: call it with `done, total`; set `kept` when its result was there already."""

    def __init__(self, show: Callable[[int, int], None]) -> None:
        self.kept = False
        self._show = show

    def __call__(self, done: int, total: int) -> None:
        """Report how far the step is."""
        self._show(done, total)


class Console:
    """Progress and notes on standard error, so that standard output carries results only."""

    def __init__(self, *, plain: bool = False) -> None:
        self._rich = rich_console(error=True)
        self._live = self._rich.is_terminal and not plain

    def note(self, text: str) -> None:
        """One line for the user."""
        self._print(text)

    def warn(self, text: str) -> None:
        """One line that the user should not overlook."""
        self._print(f"warning: {text}", style="yellow")

    @contextmanager
    def step(self, title: str, *, still: bool = False) -> Iterator[Step]:
        """Show one step while it lasts, and one line with its time when it is done.

        `still` shows nothing that moves: a display that is drawn ten times a second would disturb what is timed.
        """
        began = time.monotonic()
        if self._live and not still:
            title_column = TextColumn("{task.description}", markup=False)
            columns = (SpinnerColumn(), title_column, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            # What others print passes the guarded streams, not the display, which would take colours out of text.
            with Progress(
                *columns, console=self._rich, transient=True, redirect_stdout=False, redirect_stderr=False
            ) as progress:
                task = progress.add_task(line(title), total=None)
                step = Step(lambda done, total: progress.update(task, completed=done, total=total))
                yield step
        else:
            step = Step(self._log_progress(title))
            yield step
        self.note(f"{title:<40} {'kept' if step.kept else f'{time.monotonic() - began:.1f} s'}")

    def _print(self, text: str, style: str = "") -> None:
        if self._live:
            self._rich.print(Text(line(text), style=style), soft_wrap=True)
        else:
            say(text, error=True)

    def _log_progress(self, title: str) -> Callable[[int, int], None]:
        last = time.monotonic()

        def show(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last >= LOG_EVERY_SECONDS:
                last = time.monotonic()
                self.note(f"{title}: {done} of {total}")

        return show
