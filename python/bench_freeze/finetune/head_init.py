"""Initial weights of the target head. The policy is explicit, because Ultralytics' default changed between versions.

reinit the whole Detect layer gets new weights shape_match tensors of the base head with the same name and shape are
copied (older Ultralytics) width_preserving the class branch keeps the base head's width; only its last convolution is
new name_remap like width_preserving, and the rows of classes with the same name are copied (Ultralytics 8.4)
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import nn

from ..config.training import HeadInit
from ..data.classes import normalized
from ..dualhead.new_head import new_classifier, with_classes, with_random_weights


@dataclass(frozen=True)
class HeadStart:
    """What a policy did: how many tensors of the head were copied or new, and the classes whose rows were copied."""

    policy: HeadInit
    copied_tensors: int
    new_tensors: int
    remapped_classes: tuple[str, ...]


def with_new_head(
    base: nn.Module, base_names: tuple[str, ...], names: tuple[str, ...], policy: HeadInit
) -> tuple[nn.Module, HeadStart]:
    """Return a copy of the base detector with a head for other classes, and how that head was initialized.

    New tensors are drawn from torch's global generator: seed it first.
    """
    model = with_classes(base, len(names))
    model.names = dict(enumerate(names))
    head, original = model.model[-1], base.model[-1]
    remapped: tuple[str, ...] = ()
    if policy in ("width_preserving", "name_remap"):
        _keep_class_branch_width(head, original)
    if policy != "reinit":
        _copy_same_shapes(head, original, len(base_names) == len(names))
    if policy == "name_remap":
        remapped = _copy_class_rows(head, original, base_names, names)
    before = original.state_dict()
    copied = sum(k in before and v.shape == before[k].shape and torch.equal(v, before[k]) for k, v in _trainable(head))
    return model, HeadStart(policy, copied, len(_trainable(head)) - copied, remapped)


def from_scratch(base: nn.Module, names: tuple[str, ...]) -> tuple[nn.Module, HeadStart]:
    """The base detector's architecture with random weights, for other classes."""
    model = with_random_weights(base, len(names))
    model.names = dict(enumerate(names))
    return model, HeadStart("reinit", 0, len(_trainable(model.model[-1])), ())


def from_backbone(base: nn.Module, names: tuple[str, ...], layers: int) -> tuple[nn.Module, HeadStart]:
    """Layers 0..layers-1 of a detector, and random weights in all others: equal for every source with the same seed."""
    model, start = from_scratch(base, names)
    for k in range(layers):
        model.model[k].load_state_dict(base.model[k].state_dict(), strict=True)
    return model, start


def _trainable(head: nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [(name, p.detach()) for name, p in head.named_parameters() if not name.startswith("dfl.")]


def _class_branches(head: nn.Module) -> list[str]:
    return [name for name in ("cv3", "one2one_cv3") if getattr(head, name, None) is not None]


def _keep_class_branch_width(head: nn.Module, original: nn.Module) -> None:
    """Replace each class branch by a copy of the base's, with a new last convolution for the number of classes."""
    for name in _class_branches(head):
        own, theirs = getattr(head, name), getattr(original, name, None)
        if theirs is None:
            continue
        branches = deepcopy(theirs)
        for level, (branch, sibling) in enumerate(zip(branches, own, strict=True)):
            branch[-1] = new_classifier(branch[-1], sibling[-1].out_channels, float(head.stride[level]))
        for parameter in branches.parameters():
            parameter.requires_grad_(True)
        setattr(head, name, branches)


def _copy_same_shapes(head: nn.Module, original: nn.Module, same_class_count: bool) -> None:
    """Copy every tensor that has the same name and shape.

    If both heads have the same number of classes, their last convolutions match in shape only by coincidence: they stay
    new.
    """
    own, theirs = head.state_dict(), original.state_dict()
    last = {
        f"{name}.{level}.{len(branch) - 1}"
        for name in _class_branches(head)
        for level, branch in enumerate(getattr(head, name))
    }
    for key, value in theirs.items():
        is_last = any(key.startswith(f"{prefix}.") for prefix in last)
        if key in own and own[key].shape == value.shape and not (is_last and same_class_count):
            own[key].copy_(value)


def _copy_class_rows(
    head: nn.Module, original: nn.Module, base_names: tuple[str, ...], names: tuple[str, ...]
) -> tuple[str, ...]:
    positions = {normalized(name): k for k, name in enumerate(base_names)}
    shared = [(k, positions[normalized(name)]) for k, name in enumerate(names) if normalized(name) in positions]
    with torch.no_grad():
        for branch_name in _class_branches(head):
            theirs = getattr(original, branch_name, None)
            if theirs is None:
                continue
            for branch, source in zip(getattr(head, branch_name), theirs, strict=True):
                for own_row, base_row in shared:
                    branch[-1].weight[own_row] = source[-1].weight[base_row]
                    branch[-1].bias[own_row] = source[-1].bias[base_row]
    return tuple(names[k] for k, _ in shared)
