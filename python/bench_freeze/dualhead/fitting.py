"""Whether two checkpoints fit into one dual-head model, and up to which layer they are equal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import InputError
from .checkpoint import Checkpoint

if TYPE_CHECKING:
    from torch import nn

    from .layers import Layer
    from .model import LayerOutput

_NOT_OF_THE_FUNCTION = frozenset({"training", "momentum", "np", "type", "i", "inplace", "dump_patches"})


@dataclass(frozen=True)
class CommonTrunk:
    """Layers 0..depth-1 are equal; `first` names what differs in the next layer, None if nothing does."""

    depth: int
    first: str | None


def check_fit(base: Checkpoint, tuned: Checkpoint, construction: str, freeze: int, names: tuple[str, str]) -> None:
    """Raise InputError naming the layer in which two checkpoints do not fit into one dual-head model.

    In a branched model both heads share layers 0..freeze-1, so these must be equal in the base file's precision. In a
    grafted model the base head reads the tuned neck, so the features that it reads must have the base's shapes. `names`
    are those of base and tuned, for the message.
    """
    check_layers(base, tuned, names)
    if construction == "branched":
        _check_trunk(base, tuned, freeze, names)
    else:
        _check_read_by_head(base, tuned, names)


def common_trunk(base: Checkpoint, tuned: Checkpoint, *, half: bool) -> CommonTrunk:
    """The longest prefix of layers, without the head, that is equal bit for bit in both models (`half`: as float16)."""
    for k in range(min(base.layers.head, tuned.layers.head)):
        different = _difference(base.model.model[k], tuned.model.model[k], half)
        if different is not None:
            return CommonTrunk(k, f"model.{k}.{different.lstrip('.')}")
    return CommonTrunk(min(base.layers.head, tuned.layers.head), None)


def check_layers(base: Checkpoint, tuned: Checkpoint, names: tuple[str, str]) -> None:
    """Raise InputError if the layers of two checkpoints differ in number, in kind, or in which layers they read."""
    ours, theirs = base.layers.layers, tuned.layers.layers
    way_out = "give a checkpoint that was fine-tuned from the base"
    for one, other in zip(ours, theirs, strict=False):
        if one.kind != other.kind or one.sources != other.sources:
            raise InputError(
                f"{names[1]} has different layers from {names[0]}: layer {one.index} is {_described(other)} there and "
                f"{_described(one)} in the base; {way_out}."
            )
    if len(ours) != len(theirs):
        raise InputError(
            f"{names[1]} has different layers from {names[0]}: {len(theirs)} of them, the base {len(ours)}; {way_out}."
        )


def _described(layer: Layer) -> str:
    return f"{layer.kind} of layer(s) {', '.join(map(str, layer.sources))}"


def _check_trunk(base: Checkpoint, tuned: Checkpoint, freeze: int, names: tuple[str, str]) -> None:
    common = common_trunk(base, tuned, half=base.half)
    if common.depth >= freeze:
        return
    if common.depth:
        fits = f"layers 0 to {common.depth - 1} are equal, so it fits --freeze {common.depth}"
    else:
        fits = "there is no common trunk: not even layer 0 is equal"
    rounded = common_trunk(base, tuned, half=True)
    if rounded.depth > common.depth:
        fits += (
            f" (in float16 they are equal up to layer {rounded.depth - 1}: {names[0]} holds more digits than {names[1]}"
            ", and the base head would run on rounded weights)"
        )
    ways_out = ["a checkpoint that was fine-tuned from the base with this depth"]
    if common.depth:
        ways_out.insert(0, "the depth that fits")
    if all(one == other for one, other in _read_by_head(base, tuned)):
        ways_out.append("--construction grafted")
    raise InputError(
        f"--freeze {freeze} does not fit {names[1]}: the two checkpoints differ below layer {freeze}, first in "
        f"{common.first}; {fits}. Give {', or '.join(ways_out)}."
    )


def _check_read_by_head(base: Checkpoint, tuned: Checkpoint, names: tuple[str, str]) -> None:
    if all(one == other for one, other in _read_by_head(base, tuned)):
        return
    ours, theirs = output_shapes(base.model), output_shapes(tuned.model)
    read = base.layers.layers[base.layers.head].sources
    first = next(k for k in range(base.layers.head) if ours[k] != theirs[k])
    wrong = [k for k in read if ours[k] != theirs[k]]
    kind = base.layers.layers[first].kind
    raise InputError(
        f"{names[1]} does not fit {names[0]}: layer {first} ({kind}) outputs {_shape(theirs[first])} there and "
        f"{_shape(ours[first])} in the base. In a grafted model the base head reads layer(s) "
        f"{', '.join(map(str, wrong))} of the tuned one, which must have the base's channels; give a checkpoint "
        "that was fine-tuned from the base."
    )


def _read_by_head(base: Checkpoint, tuned: Checkpoint) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The shapes of the head's inputs, each in the base and in the tuned model."""
    ours, theirs = output_shapes(base.model), output_shapes(tuned.model)
    return [(ours[k], theirs[k]) for k in base.layers.layers[base.layers.head].sources]


def _shape(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} channels of {' x '.join(map(str, shape[1:]))}" if shape else "several tensors"


def output_shapes(model: nn.Module) -> list[tuple[int, ...]]:
    """The output shapes (C, H, W) of all layers but the head, for an image of 64 pixels or of the largest stride."""
    import torch

    side = max(64, int(max(model.stride)))
    outputs: list[LayerOutput] = []
    shapes: list[tuple[int, ...]] = []
    latest: LayerOutput = torch.zeros(1, 3, side, side)
    with torch.no_grad():
        for layer in model.model[:-1]:
            if layer.f != -1:
                latest = (
                    outputs[layer.f]
                    if isinstance(layer.f, int)
                    else [latest if j == -1 else outputs[j] for j in layer.f]
                )
            latest = layer(latest)
            outputs.append(latest)
            shapes.append(tuple(latest.shape[1:]) if isinstance(latest, torch.Tensor) else ())
    return shapes


def _difference(one: nn.Module, other: nn.Module, half: bool) -> str | None:
    """The first tensor or setting in which two layers differ; None if both compute the same."""
    import torch

    ours, theirs = one.state_dict(), other.state_dict()
    name: str
    for name, tensor in ours.items():
        if name.endswith("num_batches_tracked"):  # counts training batches, does not affect outputs
            continue
        pair = tensor, theirs.get(name)
        if pair[1] is None:
            return f"{name}, which the other lacks"
        if pair[0].shape != pair[1].shape:
            return f"{name}: {list(pair[1].shape)} there, {list(tensor.shape)} in the base"
        if half and tensor.is_floating_point():
            pair = pair[0].half(), pair[1].half()
        if not torch.equal(*pair):
            return name
    for name in theirs:
        if name not in ours:
            return name
    return setting_that_differs(one, other)


def setting_that_differs(one: nn.Module, other: nn.Module) -> str | None:
    """The first setting in which two layers differ, such as a type, a stride or a shortcut; None if all are equal."""
    settings, others = dict(_settings(one)), dict(_settings(other))
    # An attribute that only one model has comes from a newer Ultralytics, which fills it in for older files.
    compared = [name for name in settings | others if name.endswith("(type)") or (name in settings and name in others)]
    return next((name for name in compared if settings.get(name) != others.get(name)), None)


def _settings(layer: nn.Module) -> list[tuple[str, object]]:
    """The type and the plain attributes of every module, such as strides and shortcuts."""
    found: list[tuple[str, object]] = []
    for path, module in layer.named_modules(remove_duplicate=False):
        found.append((f"{path}(type)", type(module).__name__))
        for key, value in vars(module).items():
            if (
                key[0] != "_"
                and key not in _NOT_OF_THE_FUNCTION
                and isinstance(value, bool | int | float | str | tuple)
            ):
                found.append((f"{path}.{key}".lstrip("."), value))
    return found
