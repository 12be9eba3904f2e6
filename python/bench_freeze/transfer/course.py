"""The course of a fine-tuning, as stored with its predictions."""

from __future__ import annotations

from msgspec import Struct


class Course(Struct, frozen=True, kw_only=True):
    """Steps, the mean cross entropy of every epoch, and the tensors that were frozen or trained."""

    steps: int
    losses: list[float]
    frozen: int  # tensors, verified to be unchanged bit for bit
    trained: int  # tensors
    still: list[str]  # trained tensors that did not change
