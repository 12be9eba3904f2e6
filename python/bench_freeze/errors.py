"""The errors a user meets. Each message is one sentence: what is wrong, where (file, row, name), what to do."""

from __future__ import annotations

import errno

from .exit_status import ExitStatus


class BenchFreezeError(Exception):
    """Base of every error this package raises on purpose; the command line prints it and exits with `exit_code`."""

    exit_code: int = ExitStatus.INTERNAL


class InputError(BenchFreezeError):
    """Wrong usage, unreadable input, or a missing engine: something the user can correct before running again.

    >>> from bench_freeze import InputError, Study
    >>> try:
    ...     Study(epochs=0)
    ... except InputError as error:
    ...     print(error)
    epochs = 0 is out of range; give a whole number of at least 1.
    """

    exit_code = ExitStatus.INPUT


class AuditError(BenchFreezeError):
    """A result that must not be trusted: a frozen tensor moved, or an exported model differs from its source."""

    exit_code = ExitStatus.FAILED


class MeasurementError(BenchFreezeError):
    """A measurement that broke off or cannot be relied on; the request itself was valid."""

    exit_code = ExitStatus.NO_VERDICT


def disk_full(error: BaseException | None) -> OSError | None:
    """The error of a full disk (or an exhausted quota or file size limit) in a chain of causes, if there is one.

    Libraries wrap it in other errors that hide it.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return error
        error = error.__cause__ or error.__context__
    return None
