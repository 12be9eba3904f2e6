"""The errors a user meets. Each message is one sentence: what is wrong, where (file, row, name), what to do."""

from __future__ import annotations


class BenchFreezeError(Exception):
    """Base of every error this package raises on purpose; the command line prints it and exits with `exit_code`."""

    exit_code = 1


class InputError(BenchFreezeError):
    """Wrong usage, unreadable input, or a missing engine: something the user can mend before running again."""

    exit_code = 2


class AuditError(BenchFreezeError):
    """A result that must not be trusted: a frozen tensor moved, or an exported model differs from its source."""

    exit_code = 1
