"""The data options of a study: checkpoints, target set and base set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .common import flag

Unmatched = Literal["error", "ignore"]


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """The inputs of a study."""

    weights: tuple[str, ...] | None = flag(
        "data",
        "base checkpoint, or several to compare, each with its own arms. Beside a detector, classifiers and segmenters "
        "are allowed, whose backbone gets the detector's neck, and scratch (as --scratch). Ultralytics downloads a "
        "known name that is not on disk",
        None,
        "FILE[,FILE]",
    )
    trust_checkpoint: bool = flag(
        "data",
        "load checkpoints that need more than Ultralytics' own classes. Loading such a file can run any program, so "
        "use this only for files whose origin you know (bench-freeze doctor FILE lists what one would import)",
        False,
    )
    target: str | None = flag("data", "target set: Ultralytics data yaml, or COCO json of its training split")
    target_val: str | None = flag(
        "data", "evaluation split of a COCO json target (default: its name with train read as val)"
    )
    target_images: str | None = flag("data", "image folder of a COCO json target")
    target_val_images: str | None = flag(
        "data", "image folder of the evaluation split of a COCO json target, if it is a different one"
    )
    base: str | None = flag("data", "base set: COCO instances json or Ultralytics data yaml")
    base_images: str | None = flag("data", "image folder of a COCO json base set")
    split: Literal["val", "test"] = flag("data", "split of a data yaml that is scored", "val")
    unmatched_classes: Unmatched = flag(
        "data",
        "what to do with a class of the base head that has no category of its name, or the reverse: error, or ignore "
        "(leave it out)",
        "error",
    )
    allow_empty_split: bool = flag(
        "data",
        "continue even if the evaluation split or the base set has no boxes; its columns stay empty",
        False,
    )

    yes: bool = flag("data", "download a data set that Ultralytics ships (coco.yaml) without asking first", False)

    @property
    def is_embedded(self) -> bool:
        """Whether no data were given: the study then runs on small, generated data."""
        return self.target is None and self.base is None and self.weights is None
