"""How long and how a head is trained; a value without torch, so that what is kept can name it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """How long and how a head is trained: AdamW, the rate falling in a line to a hundredth, no augmentation."""

    epochs: int
    batch: int = 16
    lr0: float = 0.001
    weight_decay: float = 0.0005
    seed: int = 0
