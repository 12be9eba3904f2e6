"""Arms of matched capacity: more layers unfrozen, but no more trainable weights than at freeze D (recipe `matched_D`).

Unfreezing deeper adds layers and weights at once. To separate the two, layers `freeze`.. train as in a static arm, but
with only as many trainable weights as freeze D has. Each convolution, together with its BatchNorm, trains a random
subset of its output filters, whole filters only. Weights that do not come from the base checkpoint (the new head's
classes) always train: leaving random weights untrained would measure something else. Running statistics are measured,
not learned, so they update as in a static arm.
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
    """Which filters rest: a mask [filters] per affected parameter. `share`: how much of the base's filters trains."""

    share: float
    wanted: int  # trainable weights at the matched depth
    trainable: int
    resting: dict[str, Tensor]


class MatchedTrainee(Trainee):
    """A trainee that trains only some of its filters."""

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
    """Choose the filters of layers `freeze`.. that rest, so that as many weights train as with freeze `depth`.

    `start` and `base` hold the parameters by name: `start` before the training, `base` from the base checkpoint. Every
    convolution trains the same share of the filters that it has from the base, rounded up or down; the roundings are
    chosen so that the total comes closest to the target. Each convolution's draw depends only on the seed and its name,
    so a smaller share is always a subset of a larger one.
    """
    own = {name: p for name, p in start.items() if _layer(name) >= freeze and ".dfl." not in name and p.ndim}
    total = sum(p.numel() for p in own.values())
    wanted = sum(p.numel() for name, p in own.items() if _layer(name) >= depth)
    blocks = _blocks(own, base)
    flexible = sum(block.cost * len(block.known) for block in blocks)
    left = wanted - (total - flexible)  # the budget for filters that may either rest or train
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
    """Choose the costs whose sum is nearest to `target`. In `reachable`, bit s is set if some choice sums to s."""
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
    """Parameters that share filters, the number of weights per filter, and the filters that the base also has."""

    names: list[str]
    cost: int
    known: list[int]


def _blocks(own: Mapping[str, Tensor], base: Mapping[str, Tensor]) -> list[_Block]:
    """Group the parameters: each convolution with its BatchNorm.

    A class that both heads know may have its row at another position in the base, so a filter may match any of the base
    tensor's filters.
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
    """Keep resting filters fixed: no gradient (so no part in clipping), weight decay undone, moments at zero."""
    held = []
    for name, rows in resting.items():
        parameter = parameters[name]
        mask = rows.to(parameter.device).reshape(-1, *[1] * (parameter.ndim - 1))
        parameter.register_hook(lambda gradient, mask=mask: gradient.masked_fill(mask, 0))
        held.append((parameter, mask, parameter.detach().clone()))

    def put_back(optimizer: torch.optim.Optimizer, *_: object) -> None:
        with torch.no_grad():
            for parameter, mask, start in held:  # masks, because indexing would make the GPU synchronize
                parameter.copy_(torch.where(mask, start, parameter))
                for moment in optimizer.state[parameter].values():
                    if isinstance(moment, Tensor) and moment.shape == parameter.shape:
                        moment.masked_fill_(mask, 0)  # SGD adds its weight decay to the momentum

    optimizer.register_step_post_hook(put_back)


def _layer(name: str) -> int:
    return int(name.split(".")[1])


def _block_name(name: str) -> str:
    """`model.4.cv1` for `model.4.cv1.conv.weight` and `model.4.cv1.bn.bias`; for others, the module that owns it."""
    owner = name.rpartition(".")[0]
    above, _, kind = owner.rpartition(".")
    return above if kind in ("conv", "bn") else owner
