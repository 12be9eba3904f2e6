"""Backbones fine-tuned with frozen layers, as transfer.json keeps them beside the frozen ones."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from .estimated import Compared
from .quantities import Count, Fraction, Number
from .transfer_accuracy import ProbeAccuracy, SegmentationAccuracy

FROZEN = "frozen"  # in words, of backbones that no reader's training changes


def tuned_words(freeze: int) -> str:
    """A fine-tuned backbone in words."""
    return f"fine-tuned, freeze {freeze}"


class TunedFit(Struct, frozen=True, kw_only=True):
    """One fine-tuning of a source with a share, a depth and a seed."""

    source: str
    freeze: Annotated[
        Count, Meta(description="layers 0 to freeze-1 stayed as they were; all of them: the reader alone")
    ]
    data_fraction: Fraction
    seed: Annotated[Count, Meta(description="of the share, the reader's start, the order and the augmentation")]
    train_samples: Count
    steps: Count
    losses: Annotated[list[Number], Meta(description="mean cross entropy of each epoch, augmented, in nats")]
    frozen: Annotated[Count, Meta(description="tensors of frozen layers, compared with the source's bit for bit")]
    trained: Annotated[Count, Meta(description="parameter tensors of the other layers that moved")]
    still: Annotated[list[str], Meta(description="those that should have moved and did not")]
    score: Annotated[Fraction, Meta(description="top-1, or mean IoU")]


class TunedClassification(Struct, frozen=True, kw_only=True):
    """All sources fine-tuned to one depth."""

    freeze: Count
    accuracy: list[ProbeAccuracy]
    comparisons: Annotated[list[Compared], Meta(description="p adjusted over the frozen table and all depths together")]


class TunedSegmentation(Struct, frozen=True, kw_only=True):
    """All sources fine-tuned to one depth."""

    freeze: Count
    accuracy: list[SegmentationAccuracy]
    comparisons: Annotated[list[Compared], Meta(description="p adjusted over the frozen table and all depths together")]
    band_comparisons: Annotated[
        dict[str, list[Compared]],
        Meta(description="by width of the band: inside it, p adjusted within a width, the frozen table included"),
    ]


class FineTuned(Struct, frozen=True, kw_only=True):
    """What was trained, and how; the numbers by depth stand in `tuned_depths` beside it."""

    settings: dict[str, Any]
    new: Annotated[
        list[str],
        Meta(description="tensors of the reader, drawn from the seed; all others came as sources[].taken says"),
    ]
    fits: list[TunedFit]

    def sentence(self) -> str:
        """The recipe in words."""
        own = self.settings
        return (
            f"Fine-tuned by {own['optimizer']}: {own['epochs']} epochs, batches of {own['train_batch']}, learning rate "
            f"{own['lr0']:g} (reader {own['reader_lr0']:g}), {own['schedule']} after a warm-up, equal for all sources."
        )
