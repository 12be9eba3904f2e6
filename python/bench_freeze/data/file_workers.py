"""Worker processes for work on files that holds the GIL.

They are separate programs: a process with threads must not fork, and multiprocessing would run the caller's main module
again. They exit when their input ends, so none outlives a killed caller.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

from ..cores import usable_cores

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_PROGRAM = "import sys; sys.path[:] = {path!r}; from {module} import serve; serve()"


class FileWorkers(Generic[_Item, _Result]):
    """One process per core, each started on first use; `work` is a module-level function."""

    def __init__(self, work: Callable[[_Item], _Result]) -> None:
        self._work = work
        self._own = threading.local()
        self._started: list[subprocess.Popen[bytes]] = []

    def over(self, parts: Sequence[Sequence[_Item]]) -> Generator[list[_Result], None, None]:
        """The results of each part, in order. Parts of a worker that died or did not start are done in this process."""
        pool = ThreadPoolExecutor(usable_cores())
        try:
            yield from pool.map(self._of_part, parts)
        finally:
            pool.shutdown(cancel_futures=True)
            for process in self._started:
                _end(process)

    def _of_part(self, part: Sequence[_Item]) -> list[_Result]:
        with suppress(OSError, EOFError, pickle.PickleError):
            process = self._process()
            assert process.stdin is not None
            assert process.stdout is not None
            pickle.dump((self._work, part), process.stdin)
            process.stdin.flush()
            results, error = pickle.load(process.stdout)
            if error is not None:
                raise error
            return list(results)
        return [self._work(item) for item in part]

    def _process(self) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] | None = getattr(self._own, "process", None)
        if process is None:
            program = _PROGRAM.format(path=sys.path, module=__name__)
            process = subprocess.Popen(
                [sys.executable or "", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            self._own.process = process
            self._started.append(process)
        return process


def serve() -> None:
    """The loop of a worker: read (work, items), write (results, None) or (None, error), until its input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller handles Ctrl-C, and then closes the input
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of libraries must not mix with the answers
    while True:
        try:
            work, items = pickle.load(requests)
        except EOFError:
            return
        try:
            answer: tuple[list[object] | None, Exception | None] = ([work(item) for item in items], None)
        except Exception as error:
            answer = (None, error)
        pickle.dump(answer, answers)
        answers.flush()


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        assert process.stdin is not None
        process.stdin.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdout is not None
    process.stdout.close()
