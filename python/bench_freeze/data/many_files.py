"""Process many files: in one thread while files are quick, in several once they are slow, in processes if many."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ..cores import usable_cores
from .file_workers import FileWorkers

# A slower file waits for a disk or a decoder, and other threads can use that time. With quicker files, threads would
# only compete for the interpreter lock: two threads took 1.6 times as long as one for 10,000 cached JPEGs on two cores.
SLOW_S = 1e-3
_SLOW_PARTS = 3  # in a row; a single slow part may have waited for another program
_AT_ONCE = 32
# A process takes 0.14 s of one core to start, so processes pay off only if much more work is left.
WORTH_PROCESSES_S = 1.0
_MEASURED_PARTS = 8
_AT_ONCE_BY_PROCESS = 256

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def default_workers() -> int:
    """The default number of threads that read images."""
    return min(8, usable_cores())


def over_files(
    work: Callable[[_Item], _Result], files: Sequence[_Item], *, by_processes: bool = False
) -> Generator[_Result, None, None]:
    """Apply `work` to each file, in order. `by_processes` allows processes: work, items and results can be pickled."""
    parts = [files[i : i + _AT_ONCE] for i in range(0, len(files), _AT_ONCE)]

    def of_part(part: Sequence[_Item]) -> list[_Result]:
        return [work(file) for file in part]

    slow_parts = 0
    start = time.perf_counter()
    for number, part in enumerate(parts):
        began = time.perf_counter()
        results = of_part(part)
        ended = time.perf_counter()
        slow_parts = slow_parts + 1 if ended - began > SLOW_S * len(part) else 0
        yield from results
        if slow_parts == _SLOW_PARTS:
            yield from _in_threads(of_part, parts[number + 1 :])
            return
        if by_processes and number + 1 == _MEASURED_PARTS:
            left = files[(number + 1) * _AT_ONCE :]
            if (ended - start) / ((number + 1) * _AT_ONCE) * len(left) > WORTH_PROCESSES_S and usable_cores() > 1:
                larger = [left[i : i + _AT_ONCE_BY_PROCESS] for i in range(0, len(left), _AT_ONCE_BY_PROCESS)]
                for results in FileWorkers(work).over(larger):
                    yield from results
                return


def _in_threads(
    of_part: Callable[[Sequence[_Item]], list[_Result]], parts: Sequence[Sequence[_Item]]
) -> Generator[_Result, None, None]:
    pool = ThreadPoolExecutor(default_workers())
    try:
        for results in pool.map(of_part, parts):
            yield from results
    finally:
        pool.shutdown(cancel_futures=True)
