"""All trackers of a study as one. One that fails is left out from there on, with a warning, and ends no run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ..results.schema import Results, Row
from .record import parameters_of, ratio_of, row_of, training_name, training_of
from .tracker import Tracker

Warn = Callable[[str], None]


class Logbook:
    """Tells every tracker of a study what happens."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._trackers = list(trackers)
        self._trainings: set[str] = set()
        self._warn: Warn | None = None

    def start(self, results: Results, warn: Warn) -> None:
        """Tell of a study that begins; `warn` gets a sentence for each tracker that fails later."""
        self._warn = warn
        parameters = parameters_of(results)
        self._each(lambda tracker: tracker.start(results.about, parameters))

    def row(self, row: Row) -> None:
        """Tell of a row, and before the first of a training of that."""
        name = training_name(row)
        if name not in self._trainings:
            self._trainings.add(name)
            training = training_of(row)
            self._each(lambda tracker: tracker.training(training))
        found = row_of(row)
        self._each(lambda tracker: tracker.row(found))

    def finish(self, results: Results, files: Sequence[Path]) -> bool:
        """Tell what is known only at the end, and hand over the files that exist; whether every tracker took it."""
        before = len(self._trackers)
        for row in results.rows:
            rest = ratio_of(row)
            if rest.numbers:
                self._each(lambda tracker, rest=rest: tracker.row(rest))  # type: ignore[misc]
        there = [file for file in files if file.is_file()]
        self._each(lambda tracker: tracker.files(there))
        return len(self._trackers) == before

    def close(self, *, failed: bool) -> None:
        """End all of them."""
        self._each(lambda tracker: tracker.close(failed=failed))
        self._trackers.clear()

    def _each(self, call: Callable[[Tracker], None]) -> None:
        for tracker in list(self._trackers):
            try:
                call(tracker)
            except Exception as error:  # each package has errors of its own, and a server any
                self._trackers.remove(tracker)
                reason = " ".join(str(error).split())[:300] or type(error).__name__
                if self._warn is not None:
                    self._warn(f"{tracker.name} failed, so the rest of this run is not logged there: {reason}")
