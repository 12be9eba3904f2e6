"""Run a study from Python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..console import Console, Step
from ..flow import run as run_flow
from ..pace import Work
from .results import Results
from .study import Study


class _Silent(Console):
    """Prints nothing; warnings are kept in the results."""

    def note(self, text: str) -> None:
        """Not shown."""

    def warn(self, text: str) -> None:
        """Not shown."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Shows nothing between steps."""
        yield

    @contextmanager
    def step(self, title: str, *, still: bool = False, work: Work | None = None) -> Iterator[Step]:
        """Not shown."""
        yield Step(lambda done, total: None)


def run(study: Study, *, quiet: bool = True) -> Results:
    """Run a study, or the rest of an interrupted one, and return its results.

    Every finished step is kept in `study.out`. The same call resumes an interrupted study; for a finished one it takes
    seconds.

    `quiet=False` shows steps and notes on standard error, as the command line does.

    Raises InputError for anything that the user can correct, MeasurementError if a latency measurement broke off (the
    rest is kept), and AuditError if a result cannot be trusted.

        >>> from bench_freeze import Study, run
        >>> study = Study(freeze=22, epochs=1, fraction=0.1, imgsz=64, engine="torch", latency_samples=0)
        >>> results = run(study)
        >>> [row.construction for row in results.rows]
        ['branched', 'grafted']
    """
    console = _Silent(plain=True) if quiet else Console()
    with console.running():
        found = run_flow(study.checked, console, study.command)
    return Results(found, study.out)
