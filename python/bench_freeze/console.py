"""What the user sees while work goes on: progress bars on a terminal, one plain line per step elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console as RichConsole
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Step:
    """A step in progress: call it with `done, total`; set `kept` when its result was there already."""

    def __init__(self, progress: Progress | None, title: str) -> None:
        self.kept = False
        self._progress = progress
        self._task = None if progress is None else progress.add_task(title, total=None)

    def __call__(self, done: int, total: int) -> None:
        """Report how far the step is."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, total=total)


class Console:
    """Progress and notes on standard error, so that standard output carries results only."""

    def __init__(self, *, plain: bool = False) -> None:
        self._rich = RichConsole(stderr=True, highlight=False)
        self._live = self._rich.is_terminal and not plain

    def note(self, text: str) -> None:
        """One line for the user."""
        self._rich.print(text, markup=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        """One line that the user should not overlook."""
        self._rich.print(f"warning: {text}", markup=False, soft_wrap=True, style="yellow" if self._live else "")

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show one step while it lasts, and one line with its time when it is done."""
        began = time.monotonic()
        if self._live:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            with Progress(*columns, TimeElapsedColumn(), console=self._rich, transient=True) as progress:
                step = Step(progress, title)
                yield step
        else:
            step = Step(None, title)
            yield step
        self.note(f"{title:<40} {'kept' if step.kept else f'{time.monotonic() - began:.1f} s'}")
