"""A COCO results file, read in the background while slow modules are still loading.

This module itself must load fast. So it calls the compiled reader directly, and not through `ext`, which loads NumPy.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from .. import _ext
from ..user_files import open_file

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

    # image ids and category ids [N], boxes [4 N], scores [N]
    ResultColumns = tuple[NDArray[int64], NDArray[int64], NDArray[float64], NDArray[float64]]


class ResultsAhead:
    """The columns of a results file, read by threads of their own from now on."""

    def __init__(self, path: Path, threads: int) -> None:
        self._columns: ResultColumns | None = None
        self._thread = Thread(target=self._read, args=(path, threads), name="results")
        self._thread.start()

    def columns(self) -> ResultColumns | None:
        """Wait for the columns. None if the file could not be read; the usual reader finds out why."""
        self._thread.join()
        return self._columns

    def _read(self, path: Path, threads: int) -> None:
        with suppress(Exception), open_file(path, "results file", "") as stream:
            self._columns = _ext.read_results_file(stream.fileno(), os.fstat(stream.fileno()).st_size, threads)
