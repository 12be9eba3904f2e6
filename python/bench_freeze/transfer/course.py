"""How a fine-tuning went, as it is kept with what it predicts."""

from __future__ import annotations

from msgspec import Struct


class Course(Struct, frozen=True, kw_only=True):
    """`losses` are the mean cross entropies of the epochs; tensors are counted and, where they stood still, named."""

    steps: int
    losses: list[float]
    frozen: int  # compared bit for bit
    trained: int
    still: list[str]
