"""A stream of tegrastats lines as a telemetry source: a recorded log, or the output of the running program."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from ...errors import MeasurementError
from .tegrastats import parse_line


class TegrastatsLog:
    """Reads the next non-empty line each time."""

    name = "tegrastats"

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = (line for line in lines if line.strip())

    def read(self) -> dict[str, Any]:
        """See Source.read. Raises InputError for a line that cannot be read, MeasurementError after the last line."""
        line = next(self._lines, None)
        if line is None:
            raise MeasurementError("tegrastats ended during the run; start it again and repeat the measurement.")
        reading = parse_line(line)
        return {**asdict(reading), "module": None if reading.module is None else asdict(reading.module)}
