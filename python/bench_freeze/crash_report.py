"""The report of a bug in bench-freeze: what a maintainer needs, in a file that only its owner can read."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress

PACKAGES = (
    *("numpy", "pillow", "msgspec", "pyyaml", "torch", "torchvision", "ultralytics-opencv-headless", "ultralytics"),
    *("onnx", "onnxruntime", "onnxruntime-gpu", "tensorrt", "ray"),
)
_LONGEST = 200_000  # characters of a traceback; that of a deep recursion lists every frame


def write_report(error: BaseException, arguments: Sequence[str]) -> str:
    """Write a report of an error, and return the message that names it.

    The file has mode 0600 and contains no environment variables. If it cannot be written, the message contains the
    report.
    """
    what = f"an error in bench-freeze itself ({type(error).__name__}: {_short(error)})"
    report = _report(error, arguments)
    try:
        import tempfile  # slow, so not with every command

        handle, name = tempfile.mkstemp(prefix="bench-freeze-error-", suffix=".txt")
        with os.fdopen(handle, "wb") as stream:
            stream.write(report.encode(errors="backslashreplace"))
    except (OSError, ImportError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        return f"{what}; finished work is kept. No report could be written ({reason}), so here it is:\n{report}"
    return (
        f"{what}; finished work is kept. Please look through {name} and send it to the project: it has the traceback, "
        "the command and the versions."
    )


def _report(error: BaseException, arguments: Sequence[str]) -> str:
    from . import __version__

    trace = "".join(traceback.format_exception(error))
    if len(trace) > _LONGEST:
        trace = f"{trace[: _LONGEST // 2]}\n[...]\n{trace[-_LONGEST // 2 :]}"
    return "\n".join(
        [
            f"command: {shlex.join(['bench-freeze', *arguments])}",
            f"bench-freeze {__version__}, Python {sys.version.split()[0]}, {_machine()}",
            f"packages: {', '.join(_versions()) or 'none'}",
            "",
            trace,
        ]
    )


def _machine() -> str:
    try:
        import platform

        return platform.platform()
    except (OSError, ImportError):  # no file can be opened: the report must still say what happened
        return sys.platform


def _versions() -> list[str]:
    found = []
    with suppress(OSError, ImportError):
        from importlib.metadata import PackageNotFoundError, version

        for name in PACKAGES:
            with suppress(PackageNotFoundError):
                found.append(f"{name} {version(name)}")
    return found


def _short(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())[:200]
    except Exception:  # an error that cannot say what it is
        return "without words"
