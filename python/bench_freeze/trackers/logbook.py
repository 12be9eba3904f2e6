"""All trackers of a study as one. A tracker that fails is dropped with a warning and never ends the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ..results.schema import Results, Row
from .record import parameters_of, ratio_of, row_of, training_name, training_of
from .tracker import Tracker

Warn = Callable[[str], None]


class Logbook:
    """Passes the events of a study to every tracker."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._trackers = list(trackers)
        self._trainings: set[str] = set()
        self._warn: Warn | None = None

    def start(self, results: Results, warn: Warn) -> None:
        """Log the start of a study; `warn` gets a sentence for each tracker that fails later."""
        self._warn = warn
        parameters = parameters_of(results)
        self._each(lambda tracker: tracker.start(results.about, parameters))

    def row(self, row: Row) -> None:
        """Log a row, and its training before the first row of that training."""
        name = training_name(row)
        if name not in self._trainings:
            self._trainings.add(name)
            training = training_of(row)
            self._each(lambda tracker: tracker.training(training))
        found = row_of(row)
        self._each(lambda tracker: tracker.row(found))

    def finish(self, results: Results, files: Sequence[Path]) -> bool:
        """Log what is known only at the end, hand over existing files, and close; whether every tracker succeeded."""
        before = len(self._trackers)
        for row in results.rows:
            rest = ratio_of(row)
            if rest.numbers:
                self._each(lambda tracker, rest=rest: tracker.row(rest))  # type: ignore[misc]
        there = [file for file in files if file.is_file()]
        self._each(lambda tracker: tracker.files(there))
        self._each(lambda tracker: tracker.close(failed=False))
        took_it = len(self._trackers) == before
        self._trackers.clear()
        return took_it

    def close(self, *, failed: bool) -> None:
        """Close the trackers that are still open."""
        self._each(lambda tracker: tracker.close(failed=failed))
        self._trackers.clear()

    def _each(self, call: Callable[[Tracker], None]) -> None:
        for tracker in list(self._trackers):
            try:
                call(tracker)
            except Exception as error:  # each package has its own errors, and a server may cause any
                self._trackers.remove(tracker)
                with suppress(Exception):  # the tracker may have left something running
                    tracker.close(failed=True)
                reason = " ".join(str(error).split())[:300] or type(error).__name__
                if self._warn is not None:
                    self._warn(f"{tracker.name} failed, so the rest of this run is not logged there: {reason}")
