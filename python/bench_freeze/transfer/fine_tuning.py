"""How backbones are fine-tuned: the same few options for every source, and the learning rate that they give."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import InputError

Schedule = Literal["cosine", "linear"]
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
WEIGHT_DECAY = 0.01  # AdamW's, for matrices and filters; biases and norms have none
WARM_UP = 0.1  # of the steps, in which the rate rises linearly to its peak
READER_LR = 10.0  # the reader's rate over the backbone's: a new reader must learn faster


@dataclass(frozen=True)
class FineTuning:
    """AdamW with a learning rate that rises, then falls to 0; for each of `depths`, layers 0..depth-1 are frozen."""

    depths: tuple[int, ...]
    epochs: int = 10
    lr0: float = 3e-4  # of the backbone, at its peak
    schedule: Schedule = "cosine"
    batch: int = 16

    def __post_init__(self) -> None:
        """Raise InputError for invalid options."""
        if not self.depths:
            raise InputError("--freeze is empty; give the number of frozen layers, or several: --freeze 9,0.")
        for depth in self.depths:
            if depth < 0:
                raise InputError(f"--freeze {depth}: give 0 (nothing is frozen) or more layers.")
            if self.depths.count(depth) > 1:
                raise InputError(f"--freeze names {depth} twice; name it once.")
        for flag, value, most in (("--epochs", self.epochs, 1_000_000), ("--train-batch", self.batch, 65_536)):
            if not 1 <= value <= most:
                raise InputError(f"{flag} {value}: give 1 to {most}.")
        if not (math.isfinite(self.lr0) and 0 < self.lr0 <= 1):
            raise InputError(f"--lr0 {self.lr0:g} is not a learning rate; give a number above 0, at most 1.")
        if self.schedule not in SCHEDULES:
            raise InputError(f"--schedule {self.schedule}: give {' or '.join(SCHEDULES)}.")

    def factor(self, step: int, steps: int) -> float:
        """The factor of the peak rates, above 0 and at most 1, at a `step` from 0 to `steps` - 1."""
        rising = round(WARM_UP * steps)
        if step < rising:
            return (step + 1) / rising
        done = (step - rising) / (steps - rising)
        return 1 - done if self.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2

    def settings(self) -> dict[str, object]:
        """The settings that the results record and that identify a training, except for its depth."""
        return {
            "optimizer": "AdamW",
            "lr0": self.lr0,
            "reader_lr0": READER_LR * self.lr0,
            "schedule": self.schedule,
            "warm_up": WARM_UP,
            "weight_decay": WEIGHT_DECAY,
            "scaled_over": "the training images, first as scored ones are seen, then as the first epoch shows them",
            "epochs": self.epochs,
            "train_batch": self.batch,
        }
