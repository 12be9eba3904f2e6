"""What Ultralytics and torch raise around a training, as sentences for the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import BenchFreezeError, InputError
from .group import TrainingGroup


@contextmanager
def argument_sentences() -> Iterator[None]:
    """What Ultralytics raises when it checks its arguments."""
    try:
        yield
    except (SyntaxError, ValueError, TypeError) as error:
        raise InputError(f"Ultralytics refuses a training argument: {_one_line(error)}") from None


@contextmanager
def training_sentences(group: TrainingGroup) -> Iterator[None]:
    """What Ultralytics and torch raise while they set a group up and train it."""
    try:
        yield
    except (NotImplementedError, FileNotFoundError) as error:
        raise InputError(f"the training could not start: {_one_line(error)}") from None
    except RuntimeError as error:
        if "out of memory" in str(error).lower():
            together = "" if len(group.members) == 1 else ", or give --no-share, which trains one arm at a time"
            raise InputError(
                f"the training ran out of memory; lower --train-batch (now {group.study.train_batch}){together}."
            ) from None
        raise BenchFreezeError(f"the training of {group.names} failed: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
