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


class ReadAhead(NamedTuple):
    """What became of the file: not read for any reason, in a form that needs a full parser (None), or columns."""

    is_read: bool
    columns: ResultColumns | None


class ResultsAhead:
    """The columns of a results file, read by threads of their own from now on.

    Of `threads`, one is left to the caller if the others finish a file of this size before the caller's modules are
    loaded.

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
            if threads > 1 and size <= (threads - 1) * _READ_WHILE_LOADING:
                threads -= 1
            self._found = ReadAhead(True, _ext.read_results_file(stream.fileno(), size, threads))
