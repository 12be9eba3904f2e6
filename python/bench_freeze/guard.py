"""The outermost layer of the command line: every command ends with a message and a defined exit status.

It imports only the standard library, so that it is active before the first slow import.
"""

from __future__ import annotations

import atexit
import errno
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from .crash_report import write_report
from .errors import BenchFreezeError, disk_full
from .exit_status import ExitStatus

SAME_INTERRUPT_S = 1.0  # several Ctrl-C within this time are one
IMPATIENT_S = 3.0  # a Ctrl-C this long after the work has stopped ends the process at once
_MACHINE = (  # errors of the machine or its file systems, not of this program
    *(errno.EROFS, errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.ETIMEDOUT),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP),
)  # fmt: skip


def guarded(work: Callable[[], int], arguments: Sequence[str], *, ends_process: bool = False) -> int:
    """Run the work of a command line and return the exit status.

    Raises only SystemExit, which argparse uses. `ends_process` says that the interpreter exits afterwards; then Ctrl-C
    is ignored during its last steps.
    """
    with _interrupts(ends_process) as interrupt:
        try:
            _usable_streams()
            try:
                return int(work())
            finally:  # argparse ends the process by itself
                sys.stdout.flush()
        except SystemExit:
            raise
        except BaseException as error:
            interrupt.is_over = True
            return _answer(error, arguments)


def _answer(error: BaseException, arguments: Sequence[str]) -> int:
    """Report an error, and return its exit status."""
    if isinstance(error, GeneratorExit):
        raise error
    if _has_cause(error, KeyboardInterrupt):
        return _say("interrupted; the same command continues where it stopped.", ExitStatus.INTERRUPTED)
    if (full := disk_full(error)) is not None:
        place = f" ({full.filename})" if full.filename else ""
        return _say(
            f"the disk is full{place}; free some space and run the same command again, finished work is kept.",
            ExitStatus.INPUT,
        )
    if isinstance(error, BenchFreezeError):
        return _say(str(error), error.exit_code)
    if isinstance(error, MemoryError):
        return _say(
            "this machine does not have enough free memory for that; use smaller batches or images, or fewer "
            "--workers. Finished work is kept.",
            ExitStatus.INPUT,
        )
    if isinstance(error, OSError) and error.errno in _MACHINE:
        place = f"{error.filename} cannot be used" if error.filename else "a file cannot be used"
        return _say(f"{place} ({error.strerror}); fix that, or give another path.", ExitStatus.INPUT)
    return _say(write_report(error, arguments), ExitStatus.INTERNAL)


def _say(sentence: str, status: int) -> int:
    from .text.terminal import say  # a sentence may quote a file

    with suppress(OSError, ValueError):  # standard error may be closed or full
        say(f"bench-freeze: {sentence}", error=True)
        sys.stderr.flush()
    return int(status)


def _has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether an error, or any error in its chain of causes, is of a type: libraries wrap interrupts in their own
    errors."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, kind):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


class _Interrupt:
    """The handler of SIGINT: one KeyboardInterrupt for several Ctrl-C, and none while the command exits."""

    def __init__(self) -> None:
        self.is_over = False  # the work has ended, in whatever way
        self._last = -SAME_INTERRUPT_S

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        since, self._last = now - self._last, now
        if self.is_over:
            if since > IMPATIENT_S:
                os._exit(ExitStatus.INTERRUPTED)
        elif since >= SAME_INTERRUPT_S:
            raise KeyboardInterrupt


@contextmanager
def _interrupts(ends_process: bool) -> Iterator[_Interrupt]:
    interrupt = _Interrupt()
    # A shell's background job ignores SIGINT, and a handler that another program installed stays.
    is_ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) in (
        signal.default_int_handler,
        signal.SIG_DFL,
    )
    before = signal.signal(signal.SIGINT, interrupt) if is_ours else None
    if is_ours and ends_process:  # the interpreter removes handlers when it exits, but leaves this
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    try:
        yield interrupt
    finally:
        interrupt.is_over = True
        if is_ours and not ends_process:
            signal.signal(signal.SIGINT, before)


def _usable_streams() -> None:
    """Give the process output streams that can always be written, even if the reader left or never existed.

    The result of a command does not depend on its reader: under `| head`, a check keeps its exit status.
    """
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:  # started with `>&-`
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - for the whole process
        elif stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
            with suppress(OSError, ValueError):
                if stream.fileno() == number:
                    setattr(sys, name, _leavable(stream, number))


def _leavable(stream: io.TextIOWrapper, number: int) -> io.TextIOWrapper:
    stream.flush()
    raw = _Leavable(number, "wb", closefd=False)
    return io.TextIOWrapper(
        raw if isinstance(stream.buffer, io.FileIO) else io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Leavable(io.FileIO):
    """A stream whose reader may leave; later output is dropped. Any other error is raised once."""

    is_left = False

    def write(self, content: Any) -> int:
        if not self.is_left:
            try:
                return super().write(content)
            except BrokenPipeError:
                self.is_left = True
            except OSError:  # a full disk; the interpreter would try again when it exits
                self.is_left = True
                raise
        return memoryview(content).nbytes
