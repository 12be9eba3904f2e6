"""Optimizer parameter groups for recipes whose layers learn differently: split by unfreezing stage and by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..config.recipe import Stage

if TYPE_CHECKING:
    from torch import nn

Group = dict[str, Any]  # a torch optimizer's group: parameters and their settings


def split_groups(groups: list[Group], model: nn.Module, stages: tuple[Stage, ...], layer_decay: float) -> list[Group]:
    """Split Ultralytics' groups (weights, norms, biases) so that each has a single start epoch and learning rate.

    Each new group has two more settings. `begins` is the first epoch in which it trains (0 for layers that never
    train). `scale` is its learning rate relative to the head's: layer_decay to the power of the distance from the head
    in layers.
    """
    layer_of = {id(p): k for k, layer in enumerate(model.model) for p in layer.parameters()}
    last = len(model.model) - 1
    split: list[Group] = []
    for group in groups:
        parts: dict[tuple[int, float], list[nn.Parameter]] = {}
        for parameter in group["params"]:
            layer = layer_of[id(parameter)]
            begins = next((stage.epoch for stage in stages if layer >= stage.depth), 0)
            parts.setdefault((begins, layer_decay ** (last - layer)), []).append(parameter)
        for (begins, scale), parameters in parts.items():
            split.append({**group, "params": parameters, "lr": group["lr"] * scale, "begins": begins, "scale": scale})
    return split
