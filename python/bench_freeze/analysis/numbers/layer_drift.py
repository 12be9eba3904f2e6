"""The comparison of one layer: the shift of its tensors, and of its output over a set of images."""

from __future__ import annotations

from msgspec import Struct

from ...results.analysis import Shift


class TensorDrift(Struct, frozen=True, kw_only=True):
    """The shift of one layer's tensors; None for a kind that the layer does not have."""

    weights: Shift | None  # trained parameters: convolutions, BatchNorm's scale and offset
    bn_mean: Shift | None  # BatchNorm's running means
    bn_var: Shift | None

    @property
    def is_identical(self) -> bool:
        """Whether no tensor moved."""
        return all(shift is None or shift.relative_l2 == 0 for shift in (self.weights, self.bn_mean, self.bn_var))


class ActivationDrift(Struct, frozen=True, kw_only=True):
    """One layer's output over a set of images, at the compared positions."""

    cka: float | None  # unbiased linear CKA; a sample is one position of one image, its features the channels there
    shift: Shift  # of all samples as one vector
    is_identical: bool  # the whole output, bit for bit


class LayerComparison(TensorDrift, frozen=True, kw_only=True):
    """One layer's tensors and outputs, base compared with tuned."""

    layer: int
    base: ActivationDrift  # on the base set
    target: ActivationDrift

    @property
    def is_same(self) -> bool:
        """Whether the layer equals the base model's in its tensors and its output."""
        return self.is_identical and self.base.is_identical and self.target.is_identical
