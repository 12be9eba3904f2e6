"""Arms of matched capacity: a deep unfreezing with as few trainable weights as a shallower one (recipe `matched_D`).

Unfreezing deeper trains more layers and more weights at once. Here layers `freeze`.. train as in a static arm, but only
so many of their weights as freeze D has: in every convolution, with its BatchNorm, a share of the output filters, whole
filters only, chosen by chance. What is not the base checkpoint's (the new head's classes) always trains, since random
weights at rest would measure something else. Running statistics follow the layer, as in a static arm: they are
measured, not learned.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch
from torch import Tensor, nn

from ..config.recipe import Stage
from .audit import filters_of
from .trainee import Trainee
from .trainer import FreezeTrainer


@dataclass(frozen=True)
class Choice:
    """Which filters rest: a mask [filters] per parameter that has any. `share` is of those that could, and train."""

    share: float
    wanted: int  # trainable weights of the depth that is matched
    trainable: int
    resting: dict[str, Tensor]


class MatchedTrainee(Trainee):
    """A trainee of which only chosen filters train."""

    def __init__(
        self, name: str, trainer: FreezeTrainer, stages: tuple[Stage, ...], base: nn.Module, depth: int, seed: int
    ) -> None:
        super().__init__(name, trainer, stages)
        choice = choose_filters(self.start, dict(base.named_parameters()), self.freeze, depth, seed)
        self.resting = choice.resting
        self.recipe_facts = {"matched_depth": depth, "wanted_parameters": choice.wanted, "share": choice.share}
        hold(trainer.optimizer, dict(self.detector.named_parameters()), choice.resting)


def choose_filters(
    start: Mapping[str, Tensor], base: Mapping[str, Tensor], freeze: int, depth: int, seed: int
) -> Choice:
    """Which filters of layers `freeze`.. rest, so that as many weights train as with freeze `depth`.

    `start` and `base` are the parameters by name, before the training and of the base checkpoint. Every convolution
    trains its share of the base's filters, rounded down or up; of all such roundings the one whose sum comes nearest.
    The draw of a convolution depends on seed and name only: a smaller share is a part of a larger one.
    """
    own = {name: p for name, p in start.items() if _layer(name) >= freeze and ".dfl." not in name and p.ndim}
    total = sum(p.numel() for p in own.values())
    wanted = sum(p.numel() for name, p in own.items() if _layer(name) >= depth)
    blocks = _blocks(own, base)
    flexible = sum(block.cost * len(block.known) for block in blocks)
    left = wanted - (total - flexible)  # weights for the filters that may rest or train
    share = min(max(left / flexible, 0.0), 1.0) if flexible else 1.0
    floors = [math.floor(share * len(block.known)) for block in blocks]
    left -= sum(block.cost * floor for block, floor in zip(blocks, floors, strict=True))
    whole = [floor == len(block.known) for block, floor in zip(blocks, floors, strict=True)]
    one_more = nearest_sum([0 if all_ else block.cost for block, all_ in zip(blocks, whole, strict=True)], left)
    resting: dict[str, Tensor] = {}
    trainable = total
    for block, floor, more in zip(blocks, floors, one_more, strict=True):
        draw = np.random.default_rng((seed, zlib.crc32(block.names[0].encode()))).permutation(block.known)
        rests = draw[floor + more :]
        if not len(rests):
            continue
        trainable -= block.cost * len(rests)
        mask = torch.zeros(len(own[block.names[0]]), dtype=torch.bool)
        mask[torch.from_numpy(rests)] = True
        resting.update(dict.fromkeys(block.names, mask))
    return Choice(share, wanted, trainable, resting)


def nearest_sum(costs: list[int], target: int) -> list[bool]:
    """Which of the costs to take so that no other choice's sum is nearer to the target. Bit s of a number: sum s."""
    reachable = [1]
    for cost in costs:
        reachable.append(reachable[-1] | reachable[-1] << cost)
    sums = reachable[-1]
    near = (s for distance in count() for s in (target - distance, target + distance) if s >= 0)
    best = next(s for s in near if sums >> s & 1)
    taken = []
    for cost, before in zip(reversed(costs), reversed(reachable[:-1]), strict=True):
        taken.append(not before >> best & 1)
        best -= cost if taken[-1] else 0
    return taken[::-1]


@dataclass(frozen=True)
class _Block:
    """Parameters that share their filters, the weights of one such filter, and the filters that the base has."""

    names: list[str]
    cost: int
    known: list[int]


def _blocks(own: Mapping[str, Tensor], base: Mapping[str, Tensor]) -> list[_Block]:
    """The convolutions with their BatchNorm.

    Rows of classes that both heads know stand at other positions in the base, so a filter may be any of its tensor's.
    """
    grouped: dict[tuple[str, int], list[str]] = {}
    for name, parameter in own.items():
        grouped.setdefault((_block_name(name), len(parameter)), []).append(name)
    blocks = []
    for (_, size), names in grouped.items():
        known = np.ones(size, dtype=bool)
        for name in names:
            theirs = set(filters_of(base[name])) if name in base else set()
            known &= np.array([content in theirs for content in filters_of(own[name])])
        blocks.append(_Block(names, sum(own[name][0].numel() for name in names), np.flatnonzero(known).tolist()))
    return blocks


def hold(optimizer: torch.optim.Optimizer, parameters: Mapping[str, Tensor], resting: Mapping[str, Tensor]) -> None:
    """Filters at rest get no gradient, so they count in no clipping; decay is undone and their moments stay zero."""
    held = []
    for name, rows in resting.items():
        parameter = parameters[name]
        mask = rows.to(parameter.device).reshape(-1, *[1] * (parameter.ndim - 1))
        parameter.register_hook(lambda gradient, mask=mask: gradient.masked_fill(mask, 0))
        held.append((parameter, mask, parameter.detach().clone()))

    def put_back(optimizer: torch.optim.Optimizer, *_: object) -> None:
        with torch.no_grad():
            for parameter, mask, start in held:  # by masks, since indices would make a GPU wait
                parameter.copy_(torch.where(mask, start, parameter))
                for moment in optimizer.state[parameter].values():
                    if isinstance(moment, Tensor) and moment.shape == parameter.shape:
                        moment.masked_fill_(mask, 0)  # SGD's decay enters its momentum

    optimizer.register_step_post_hook(put_back)


def _layer(name: str) -> int:
    return int(name.split(".")[1])


def _block_name(name: str) -> str:
    """`model.4.cv1` for `model.4.cv1.conv.weight` and `model.4.cv1.bn.bias`; the owner of any other parameter."""
    owner = name.rpartition(".")[0]
    above, _, kind = owner.rpartition(".")
    return above if kind in ("conv", "bn") else owner
