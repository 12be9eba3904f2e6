"""A pipeline of three stages: one thread reads, the caller's thread works, one writes, with bounded queues between."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

AHEAD = 4  # items in each queue: enough to hide a slow one, few enough to fit into memory
_LOOK_S = 0.1  # how often a waiting stage checks that the others are still running

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Busy:
    """How long the middle stage was busy, in seconds, and the time from its first item to the end of its last one."""

    work_s: float
    wall_s: float

    @property
    def share(self) -> float:
        """The busy share of that time, from 0 to 1."""
        return self.work_s / self.wall_s if self.wall_s > 0 else 0.0


class _Failed:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class _End:
    pass


class _Pipe(Generic[Item]):
    """A bounded queue that can be shut down from either side."""

    def __init__(self, over: threading.Event) -> None:
        self._queue: queue.Queue[Item | _Failed | _End] = queue.Queue(AHEAD)
        self._over = over

    def put(self, item: Item | _Failed | _End) -> bool:
        """Put an item. False once the queue is shut down."""
        while not self._over.is_set():
            try:
                self._queue.put(item, timeout=_LOOK_S)
                return True
            except queue.Full:
                continue
        return False

    def items(self) -> Iterator[Item]:
        """Iterate over the items until the end; re-raises an error of the other side."""
        while not self._over.is_set():
            try:
                item = self._queue.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if isinstance(item, _End):
                return
            if isinstance(item, _Failed):
                raise item.error
            yield item


def overlapped(
    items: Iterator[Item], work: Callable[[Item], Result], write: Callable[[Result], None], stop: threading.Event
) -> Busy:
    """Read `items` in one thread, `work` on them in this one, `write` the results in another, all in order.

    `stop` ends the reading; items that were read are still finished. Raises the first error of any stage after the
    threads have ended. After an interrupt, or an error while reading or working, the results so far are written.
    """
    over = threading.Event()
    read: _Pipe[Item] = _Pipe(over)
    done: _Pipe[Result] = _Pipe(over)
    failed: list[BaseException] = []

    def reading() -> None:
        try:
            for item in items:
                if stop.is_set() or not read.put(item):
                    break
            read.put(_End())
        except BaseException as error:
            read.put(_Failed(error))

    def writing() -> None:
        try:
            for result in done.items():
                write(result)
        except BaseException as error:
            failed.append(error)
            over.set()

    threads = [threading.Thread(target=target, name=target.__name__, daemon=True) for target in (reading, writing)]
    for thread in threads:
        thread.start()
    work_s, began, ended = 0.0, 0.0, 0.0
    try:
        for item in read.items():
            start = time.perf_counter()
            began = began or start
            result = work(item)
            ended = time.perf_counter()
            work_s += ended - start
            done.put(result)
    finally:  # finished items are written, however the work ended
        stop.set()
        done.put(_End())
        threads[1].join()
        over.set()
        for thread in threads:
            thread.join()
    if failed:
        raise failed[0]
    return Busy(work_s, ended - began)
