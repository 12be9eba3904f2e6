"""The course of a training, epoch by epoch: losses, learning rate, and scores on held-out images."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from .quantities import Count, Fraction, Number, Seconds

Epoch = Annotated[int, Meta(ge=0, le=1_000_000)]


class HeldOutPoint(Struct, frozen=True, kw_only=True):
    """One evaluation of an arm during training, on the averaged weights (EMA) that would be kept at that epoch."""

    epoch: Annotated[Epoch, Meta(description="finished epochs; 0 is before the first")]
    target_map: Annotated[Fraction | None, Meta(description="mAP of the tuned model on the held-out training images")]
    target_map50: Fraction | None
    base_map: Annotated[
        Fraction | None,
        Meta(description="mAP of the graft (tuned layers under the original head) on base images; null without any"),
    ]


class HeldOutCurve(Struct, frozen=True, kw_only=True):
    """With --val-every or --budget: evaluations during training, and their consequences."""

    every: Annotated[
        Epoch, Meta(description="epochs between two evaluations; 0 in a race, which evaluates at its decisions")
    ]
    images: Annotated[
        Count, Meta(description="images of the training split that are held out: no arm of a seed trains on them")
    ]
    of_images: Annotated[Count, Meta(description="all images of the training split")]
    boxes: Annotated[Count, Meta(description="annotated boxes on the held-out images, without crowd regions")]
    base_images: Annotated[Count, Meta(description="images of the base set that the graft was scored on")]
    points: list[HeldOutPoint]
    seconds: Annotated[
        Seconds, Meta(description="seconds of this arm's evaluations, which are not part of the training time")
    ]
    patience: Annotated[Epoch, Meta(description="epochs without a better target mAP that stop an arm; 0: never")] = 0
    keep: Literal["last", "best"] = "last"
    kept_epoch: Annotated[Epoch, Meta(description="epoch whose weights the arm keeps")] = 0
    stopped: Annotated[bool, Meta(description="whether patience stopped the arm before its last epoch")] = False


class TrainingCurves(Struct, frozen=True, kw_only=True):
    """The curves of one training; every list has a value for each finished epoch, from the first."""

    losses: Annotated[
        dict[str, list[Number | None]],
        Meta(description="means over the batches of an epoch, by Ultralytics' names; null if not finite"),
    ]
    learning_rate: Annotated[
        list[Number | None],
        Meta(
            description="learning rate at the end of each epoch, of the layers with the highest; "
            "biases warm up separately"
        ),
    ]
    held_out: HeldOutCurve | None = None

    @property
    def epochs(self) -> int:
        """How many were finished."""
        return len(self.learning_rate)

    def __post_init__(self) -> None:
        if any(len(values) != self.epochs for values in self.losses.values()):
            raise ValueError("the curves of a training have different lengths")
