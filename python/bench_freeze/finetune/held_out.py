"""The images that arms are scored on while they train: held-out images of the target set, and some of the base set.

A look scores the moving average of the weights, which is what would be kept if the arm ended there. Held-out images are
never trained on, and never come from a split that is reported.
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
    """The images of a look, and how detections on them are selected."""

    target: DetectionSet
    of_images: int  # size of the training split before images were held out
    base: DetectionSet | None  # categories as in `base_classes`; None if the base head shares no class with it
    base_classes: ClassMap
    selection: NmsOptions
    head_branch: HeadBranch
    at: tuple[int, ...] | None = None  # the epochs with a look, in a race; None: every val_every epochs

    def is_due(self, training: TrainingOptions, epoch: int) -> bool:
        """Whether a look is due after `epoch` finished epochs; one always is before the first and after the last."""
        if epoch in (0, training.epochs):
            return True
        return epoch in self.at if self.at is not None else epoch % training.val_every == 0

    def key(self, training: TrainingOptions, model: nn.Module) -> Mapping[str, object]:
        """What the recorded curve, and the choices made by it, depend on besides the inputs of the weights."""
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
    """A subset of at most MOST_BASE_IMAGES images of a base set; None if it has no classes that can be scored."""
    if not base_set.class_names:
        return None
    if len(base_set.images) <= MOST_BASE_IMAGES:
        return base_set
    return keep_images(base_set, nested_order(base_set, 0)[:MOST_BASE_IMAGES])
