"""What the arms of a seed are scored on while they train: held-out images of the target set, and some of the base set.

A look is at the moving average, as the arm would be kept if it ended there. Held-out images are not part of what is
trained on, and none is ever of a split that is reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..config.training import TrainingOptions
from ..data.classes import ClassMap
from ..data.dataset import DetectionSet
from ..data.subset import keep_images, nested_order
from ..dualhead.branch import HeadBranch, branch_key
from ..kernels.nms_options import NmsOptions

if TYPE_CHECKING:
    from torch import nn

MOST_BASE_IMAGES = 200  # a look should take seconds; the whole base set is scored in the rows


@dataclass(frozen=True)
class HeldOut:
    """The images of a look, and how what is found on them is selected."""

    target: DetectionSet
    of_images: int  # of the training split, before they were taken
    base: DetectionSet | None  # in the categories of `base_classes`; None where the head shares no class with it
    base_classes: ClassMap
    selection: NmsOptions
    head_branch: HeadBranch
    at: tuple[int, ...] | None = None  # epochs with a look, in a race; None: every val_every-th

    def is_due(self, training: TrainingOptions, epoch: int) -> bool:
        """Whether there is a look when `epoch` epochs are finished: the first is before any, the last after all."""
        if epoch in (0, training.epochs):
            return True
        return epoch in self.at if self.at is not None else epoch % training.val_every == 0

    def key(self, training: TrainingOptions, model: nn.Module) -> Mapping[str, object]:
        """What the recorded curve and the choices by it depend on, beside what the weights do."""
        classes = self.base_classes
        return {
            "every": training.val_every,
            "patience": training.patience,
            "keep": training.keep,
            "target_sha256": self.target.sha256,
            "base_sha256": None if self.base is None else self.base.sha256,
            "left_out": [list(classes.left_out_classes), list(classes.left_out_categories)],
            "settings": self.selection.key(),
            **branch_key(self.head_branch, model),
            **({} if self.at is None else {"at": list(self.at)}),
        }


def watched_base(base_set: DetectionSet) -> DetectionSet | None:
    """At most MOST_BASE_IMAGES of a base set, a small copy of it; None where nothing in it can be scored."""
    if not base_set.class_names:
        return None
    if len(base_set.images) <= MOST_BASE_IMAGES:
        return base_set
    return keep_images(base_set, nested_order(base_set, 0)[:MOST_BASE_IMAGES])
