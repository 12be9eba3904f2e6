"""How a training went, epoch by epoch: losses, learning rate, and what was scored on the way."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from .quantities import Count, Fraction, Number, Seconds

Epoch = Annotated[int, Meta(ge=0, le=1_000_000)]


class HeldOutPoint(Struct, frozen=True, kw_only=True):
    """One look at an arm: its moving average, as it would be kept if the training ended there."""

    epoch: Annotated[Epoch, Meta(description="epochs that were finished; 0 is before the first")]
    target_map: Annotated[Fraction | None, Meta(description="of the tuned model on the held-out training images")]
    target_map50: Fraction | None
    base_map: Annotated[
        Fraction | None,
        Meta(description="of the graft, the tuned layers under the original head, on base images; null without any"),
    ]


class HeldOutCurve(Struct, frozen=True, kw_only=True):
    """With --val-every or --budget: what was scored on the way, and what followed from it."""

    every: Annotated[Epoch, Meta(description="epochs between two looks; 0 in a race that looks where it decides")]
    images: Annotated[
        Count, Meta(description="of the training split: held out, and not trained on by any arm of a seed")
    ]
    of_images: Annotated[Count, Meta(description="all images of the training split")]
    boxes: Annotated[Count, Meta(description="annotated on the held-out images, crowd regions not counted")]
    base_images: Annotated[Count, Meta(description="of the base set, that the graft was scored on")]
    points: list[HeldOutPoint]
    seconds: Annotated[Seconds, Meta(description="that the looks at this arm took; no part of the training's")]
    patience: Annotated[Epoch, Meta(description="epochs without a better target mAP that end an arm; 0: none do")] = 0
    keep: Literal["last", "best"] = "last"
    kept_epoch: Annotated[Epoch, Meta(description="whose weights the arm has")] = 0
    stopped: Annotated[bool, Meta(description="whether patience ended the arm before its last epoch")] = False


class TrainingCurves(Struct, frozen=True, kw_only=True):
    """Of one training; every list has a value for each finished epoch, from the first."""

    losses: Annotated[
        dict[str, list[Number | None]],
        Meta(description="means over the batches of an epoch, by Ultralytics' names; null where it was no number"),
    ]
    learning_rate: Annotated[
        list[Number | None], Meta(description="at an epoch's end, of the layers with the highest; biases warm up apart")
    ]
    held_out: HeldOutCurve | None = None

    @property
    def epochs(self) -> int:
        """How many were finished."""
        return len(self.learning_rate)

    def __post_init__(self) -> None:
        if any(len(values) != self.epochs for values in self.losses.values()):
            raise ValueError("the curves of a training have different lengths")
