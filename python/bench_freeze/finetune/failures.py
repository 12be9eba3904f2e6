"""Turns the exceptions that Ultralytics and torch raise around a training into sentences for the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import BenchFreezeError, InputError
from .group import TrainingGroup


@contextmanager
def argument_sentences() -> Iterator[None]:
    """Turn what Ultralytics raises when it checks its arguments into an InputError."""
    try:
        yield
    except (SyntaxError, ValueError, TypeError) as error:
        raise InputError(f"Ultralytics refuses a training argument: {_one_line(error)}") from None


class OutOfMemory(InputError):
    """The training of a group did not fit into memory."""


# From torch's allocators on GPU and CPU, and from cuDNN and cuBLAS, which allocate memory themselves.
_NO_MEMORY = ("out of memory", "can't allocate memory", "_alloc_failed", "bad_alloc")


@contextmanager
def training_sentences(group: TrainingGroup) -> Iterator[None]:
    """Turn what Ultralytics and torch raise while they set up and train a group into errors of this program."""
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
