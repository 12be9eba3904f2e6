"""Whether a fine-tuned checkpoint descends from a base, and its freeze depth: determined by comparing bits.

A training that freezes layers 0..n-1 does not change their parameters, so the longest prefix of layers with equal
parameters is the freeze depth. Three things do not count:

- Running statistics of BatchNorm. Older versions of Ultralytics let those of frozen layers drift while the parameters
  stay equal; such layers are reported along with the depth.
- Digits that a file does not hold. Ultralytics writes float16; if one of the two files does, both are compared in it.
- Layers without parameters (Upsample, Concat) after the last equal one: all depths up to there are the same training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import InputError
from .checkpoint import Checkpoint
from .fitting import check_layers, setting_that_differs

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Descent:
    """What the bits of a fine-tuned checkpoint reveal about its freeze depth.

    Layers 0..deepest-1 have the base's parameters; those from `shallowest` to deepest-1 have no parameters. `differs`
    names the first parameter that differs from the base; None if only the head differs. `drifted` lists the layers
    below `deepest` whose running statistics differ. `half`: compared as float16.
    """

    shallowest: int
    deepest: int
    differs: str | None
    drifted: tuple[int, ...]
    half: bool

    @property
    def descends(self) -> bool:
        """Whether at least one layer has the base's parameters."""
        return self.shallowest > 0

    @property
    def precision(self) -> str:
        """The number format in which the two were compared."""
        return "fp16" if self.half else "fp32"

    def drifted_below(self, freeze: int) -> tuple[int, ...]:
        """The layers below `freeze` whose running statistics differ from the base's."""
        return tuple(k for k in self.drifted if k < freeze)

    def named_depth(self, preferred: Sequence[int]) -> int:
        """The usual name of the depth: the first of `preferred` that describes this training, else `deepest`.

        All depths from `shallowest` to `deepest` describe the same training, for example 13, 14 and 15 of YOLOv8.
        """
        return next((depth for depth in preferred if self.shallowest <= depth <= self.deepest), self.deepest)


def descent_of(base: Checkpoint, tuned: Checkpoint) -> Descent:
    """Compare a fine-tuned checkpoint with a base of the same architecture (`check_same_architecture`), bit for bit."""
    half = base.half or tuned.half
    shallowest = deepest = 0
    differs: str | None = None
    drifted: list[int] = []
    for k in range(base.layers.head):
        ours, theirs = base.model.model[k], tuned.model.model[k]
        differs = _first_difference(dict(ours.named_parameters()), dict(theirs.named_parameters()), half)
        if differs is not None:
            differs = f"model.{k}.{differs}"
            break
        deepest = k + 1
        if any(True for _ in ours.parameters()):
            shallowest = deepest
        if _first_difference(_statistics(ours), _statistics(theirs), half) is not None:
            drifted.append(k)
    return Descent(shallowest, deepest, differs, tuple(drifted), half)


def check_same_architecture(base: Checkpoint, tuned: Checkpoint, names: tuple[str, str]) -> None:
    """Raise InputError naming the first layer in which the architectures of two checkpoints differ; heads may differ.

    `names` are those of base and tuned, for the message.
    """
    check_layers(base, tuned, names)
    for k in range(base.layers.head):
        ours, theirs = base.model.model[k], tuned.model.model[k]
        shapes, others = _shapes(ours), _shapes(theirs)
        different = next((name for name in shapes | others if shapes.get(name) != others.get(name)), None)
        if different is not None:
            reason = f"{different} is {_shown(others.get(different))} there and {_shown(shapes.get(different))} in"
        elif (setting := setting_that_differs(ours, theirs)) is not None:
            reason = f"{setting} is not as in"
        else:
            continue
        raise InputError(
            f"{names[1]} has a different architecture from {names[0]}: in layer {k} ({base.layers.layers[k].kind}) "
            f"{reason} the base; give a checkpoint that was fine-tuned from the base."
        )


def with_the_bases_digits(base: Checkpoint, tuned: Checkpoint, descent: Descent, freeze: int) -> bool:
    """Restore the base's full digits in layers 0..freeze-1 of `tuned`, in place. Returns whether any value changed.

    Only tensors that were equal in the precision of the comparison are replaced: parameters, and the statistics of
    layers that did not drift. The shared layers of a dual-head model are then exactly the base's.
    """
    import torch

    drifted = descent.drifted_below(freeze)
    changed = False
    with torch.no_grad():
        for k in range(freeze):
            parameters = {name for name, _ in base.model.model[k].named_parameters()}
            own = tuned.model.model[k].state_dict()
            for name, tensor in base.model.model[k].state_dict().items():
                if name not in parameters and k in drifted:
                    continue
                changed = changed or (tensor.is_floating_point() and not torch.equal(own[name], tensor))
                own[name].copy_(tensor)
    return changed


def _statistics(layer: nn.Module) -> dict[str, Tensor]:
    """The buffers that affect outputs: all but the number of batches seen in training."""
    return {name: tensor for name, tensor in layer.named_buffers() if not name.endswith("num_batches_tracked")}


def _first_difference(ours: dict[str, Tensor], theirs: dict[str, Tensor], half: bool) -> str | None:
    import torch

    for name, tensor in ours.items():
        pair = tensor, theirs.get(name)
        if pair[1] is None:
            return name
        if half and tensor.is_floating_point():
            pair = pair[0].half(), pair[1].half()
        if not torch.equal(*pair):
            return name
    return None


def _shapes(layer: nn.Module) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in layer.state_dict().items()}


def _shown(shape: list[int] | None) -> str:
    return "missing" if shape is None else str(shape)
