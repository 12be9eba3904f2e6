"""A COCO results file, read in the background while slow modules are still loading.

This module itself must load fast. So it calls the compiled reader directly, and not through `ext`, which loads NumPy.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from .. import _ext
from ..user_files import open_file

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

    # image ids and category ids [N], boxes [4 N], scores [N]
    ResultColumns = tuple[NDArray[int64], NDArray[int64], NDArray[float64], NDArray[float64]]


_READ_WHILE_LOADING = 64 << 20  # bytes that one thread reads while NumPy and the evaluator load in another


def reading_threads(size: int, threads: int) -> int:
    """How many of a process's threads read a file of `size` bytes while the caller loads modules.

    All but the caller's, unless they would still be reading when the modules are loaded: then the caller would wait.
    """
    others = max(1, threads - 1)
    return others if size <= others * _READ_WHILE_LOADING else threads


class ReadAhead(NamedTuple):
    """What became of the file: not read for any reason, in a form that needs a full parser (None), or columns."""

    is_read: bool
    columns: ResultColumns | None


class ResultsAhead:
    """The columns of a results file, read by threads of their own from now on.

    `threads` are the process's, the caller's included; see `reading_threads`.

    The interpreter ends only when they have: a file of 1 GB takes a few seconds.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self.began = time.perf_counter()  # seconds
        self._found = ReadAhead(False, None)
        self._thread = Thread(target=self._read, args=(path, threads), name="results")
        self._thread.start()

    def take(self) -> ReadAhead:
        """Wait for the columns and hand them over: they are not kept here, since they may be large."""
        self._thread.join()
        found, self._found = self._found, ReadAhead(False, None)
        return found

    def _read(self, path: Path, threads: int) -> None:
        with suppress(Exception), open_file(path, "results file", "") as stream:  # the usual reader finds out why
            size = os.fstat(stream.fileno()).st_size
            columns = _ext.read_results_file(stream.fileno(), size, reading_threads(size, threads))
            self._found = ReadAhead(True, columns)
