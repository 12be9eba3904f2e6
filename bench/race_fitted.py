"""New seeds of a grid, drawn from those that it has.

What a seed deviates by from an arm's mean is split into what it does to all arms, to the arms of one depth beside that,
and to an arm alone. Each part keeps its course over the looks, its relation to the reported number and to the loss of
base mAP. A new seed has the arms' means, and of each part a sum of the recorded deviations with standard normal
weights: one set of weights for all arms, one for each depth, one for each arm. So each part has the covariance that was
recorded, and no shape is assumed. The means hold what chance added to them: arms lie a little farther apart
than they do in truth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from race_ways import Curves

Array = NDArray[np.float64]


def drawn_seeds(curves: Curves, kinds: Sequence[str], seeds: int, generator: np.random.Generator) -> Curves:
    """Curves of `seeds` new seeds. `kinds` are by arm; arms of one kind deviate together."""
    assert curves.base_drop is not None
    assert curves.reported_drop is not None
    parts = (curves.held_out, curves.base_drop, curves.reported[..., None], curves.reported_drop[..., None])
    recorded = np.concatenate(parts, axis=2)  # [arms, seeds, values]
    means = recorded.mean(axis=1, keepdims=True)
    common, alike, own = parts_of(recorded - means, kinds)
    arms, count, _ = recorded.shape
    of_kind = {kind: generator.standard_normal((seeds, count)) for kind in dict.fromkeys(kinds)}
    by_kind = np.stack([of_kind[kind] for kind in kinds])
    drawn = means + (
        np.einsum("ns,sv->nv", generator.standard_normal((seeds, count)), common)[None]
        + np.einsum("kns,ksv->knv", by_kind, alike)
        + np.einsum("kns,ksv->knv", generator.standard_normal((arms, seeds, count)), own)
    ) / math.sqrt(count - 1)
    looks = len(curves.looks)
    return replace(
        curves,
        held_out=np.maximum(drawn[..., :looks], 0),
        base_drop=drawn[..., looks : 2 * looks],
        reported=drawn[..., 2 * looks],
        reported_drop=drawn[..., 2 * looks + 1],
    )


def parts_of(deviations: Array, kinds: Sequence[str]) -> tuple[Array, Array, Array]:
    """[arms, seeds, values] as [seeds, values] of all arms, and per arm of its kind and of its own; they add up."""
    common = deviations.mean(axis=0)
    rest = deviations - common
    alike = np.empty_like(rest)
    for kind in dict.fromkeys(kinds):
        members = [arm for arm, own in enumerate(kinds) if own == kind]
        alike[members] = rest[members].mean(axis=0)
    return common, alike, rest - alike
