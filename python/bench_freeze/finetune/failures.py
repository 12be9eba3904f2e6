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


class OutOfMemory(InputError):
    """A group whose training did not fit into memory."""


# Of torch's allocators on a GPU and on a CPU, and of cuDNN and cuBLAS, which take memory of their own.
_NO_MEMORY = ("out of memory", "can't allocate memory", "_alloc_failed", "bad_alloc")


@contextmanager
def training_sentences(group: TrainingGroup) -> Iterator[None]:
    """What Ultralytics and torch raise while they set a group up and train it."""
    try:
        yield
    except (NotImplementedError, FileNotFoundError) as error:
        raise InputError(f"the training could not start: {_one_line(error)}") from None
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in _NO_MEMORY):
            training = group.training
            raise OutOfMemory(
                f"the training of {group.names} ran out of memory on {training.device}; lower --train-batch (now "
                f"{training.train_batch}) or --imgsz (now {training.imgsz})."
            ) from None
        raise BenchFreezeError(f"the training of {group.names} failed: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
