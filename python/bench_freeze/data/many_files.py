"""Work over many files: in one thread while files are quick, in several once they are slow."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

# A file that takes longer waits for a disk or a decoder, which other threads can use. Quicker ones would only hand the
# interpreter's lock to and fro: two threads took 1.6 times as long as one for 10,000 cached JPEGs on two cores.
SLOW_S = 1e-3
_SLOW_PARTS = 3  # one after the other: a single one may have had to wait for another program
_AT_ONCE = 32

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def default_workers() -> int:
    """Threads that read images when nothing else was asked for."""
    return min(8, os.cpu_count() or 1)


def over_files(work: Callable[[_Item], _Result], files: Sequence[_Item]) -> Generator[_Result, None, None]:
    """`work` of each file, in order."""
    parts = [files[i : i + _AT_ONCE] for i in range(0, len(files), _AT_ONCE)]

    def of_part(part: Sequence[_Item]) -> list[_Result]:
        return [work(file) for file in part]

    slow_parts = 0
    for number, part in enumerate(parts):
        began = time.perf_counter()
        results = of_part(part)
        slow_parts = slow_parts + 1 if time.perf_counter() - began > SLOW_S * len(part) else 0
        yield from results
        if slow_parts == _SLOW_PARTS:
            yield from _in_threads(of_part, parts[number + 1 :])
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
