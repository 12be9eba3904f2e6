"""One arm's scores on held-out images, and what they decide: when it stops and which epoch's weights it keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from ..config.recipe import Stage
from ..config.training import TrainingOptions
from ..results.training_curves import HeldOutCurve, HeldOutPoint
from .held_out import HeldOut
from .progress import CourseState

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Course:
    """The looks at one arm so far.

    The best epoch is chosen only within the last stage of a recipe: in earlier stages some layers have not trained yet.
    """

    training: TrainingOptions
    stages: tuple[Stage, ...]
    points: list[HeldOutPoint] = field(default_factory=list)
    seconds: float = 0.0
    best_epoch: int | None = None
    best_average: dict[str, Tensor] | None = None  # with keep = best
    stopped: bool = False

    def add(self, point: HeldOutPoint, average: Callable[[], Mapping[str, Tensor]]) -> None:
        """Record a look; `average` returns the tensors that would be kept."""
        self.points.append(point)
        found, best = point.target_map, self._best_map
        counts = point.epoch > self.stages[-1].epoch
        if counts and found is not None and (best is None or found > best):
            self.best_epoch = point.epoch
            if self.training.keep == "best":
                self.best_average = {name: tensor.detach().cpu().clone() for name, tensor in average().items()}
        patience = self.training.patience
        if patience and self.best_epoch is not None and point.epoch < self.training.epochs:
            self.stopped = point.epoch - self.best_epoch >= patience

    @property
    def _best_map(self) -> float | None:
        return next((p.target_map for p in self.points if p.epoch == self.best_epoch), None)

    def curve(self, held_out: HeldOut, finished: int) -> HeldOutCurve:
        """The curve in the form of the results, after `finished` epochs of training."""
        is_best = self.best_average is not None and self.best_epoch is not None
        return HeldOutCurve(
            every=self.training.val_every,
            images=len(held_out.target.images),
            of_images=held_out.of_images,
            boxes=int((~held_out.target.ground_truth.is_crowd).sum()),
            base_images=0 if held_out.base is None else len(held_out.base.images),
            points=list(self.points),
            seconds=self.seconds,
            patience=self.training.patience,
            keep=self.training.keep,
            kept_epoch=(self.best_epoch or finished) if is_best else finished,
            stopped=self.stopped,
        )

    def state(self) -> CourseState:
        """Everything that the next look depends on."""
        return {
            "points": msgspec.to_builtins(self.points),
            "seconds": self.seconds,
            "best_epoch": self.best_epoch,
            "best_average": self.best_average,
            "stopped": self.stopped,
        }

    def restore(self, state: CourseState) -> None:
        """Continue from a `state()`."""
        self.points = msgspec.convert(state["points"], list[HeldOutPoint])
        self.seconds, self.stopped = state["seconds"], state["stopped"]
        self.best_epoch, self.best_average = state["best_epoch"], state["best_average"]
