"""How a head is trained, and for how long. The module needs no torch, so that artifact keys can use it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """How a head is trained, and for how long: AdamW, linear decay to 1 % of the learning rate, no augmentation."""

    epochs: int
    batch: int = 16
    lr0: float = 0.001
    weight_decay: float = 0.0005
    seed: int = 0
