"""What a comparison of one layer finds: the shift of its tensors, and of its output over a set of images."""

from __future__ import annotations

from msgspec import Struct

from ...results.analysis import Shift


class TensorDrift(Struct, frozen=True, kw_only=True):
    """One layer's tensors; None where it has none of the kind."""

    weights: Shift | None  # trained parameters: convolutions, BatchNorm's scale and offset
    bn_mean: Shift | None  # BatchNorm's running means
    bn_var: Shift | None

    @property
    def is_identical(self) -> bool:
        """Whether none of them moved."""
        return all(shift is None or shift.relative_l2 == 0 for shift in (self.weights, self.bn_mean, self.bn_var))


class ActivationDrift(Struct, frozen=True, kw_only=True):
    """One layer's output over a set of images, at the compared positions."""

    cka: float | None  # unbiased linear CKA; a sample is one position of one image, its features the channels there
    shift: Shift  # of all samples as one vector
    is_identical: bool  # the whole output, bit for bit


class LayerComparison(TensorDrift, frozen=True, kw_only=True):
    """All of one layer, base against tuned."""

    layer: int
    base: ActivationDrift  # on the base set
    target: ActivationDrift

    @property
    def is_same(self) -> bool:
        """Whether the layer is the base's, in its tensors and in its output."""
        return self.is_identical and self.base.is_identical and self.target.is_identical
