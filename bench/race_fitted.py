"""New seeds of a grid, simulated from its real seeds.

A seed's deviation from an arm's mean is split into three parts: common to all arms, common to the arms of one depth,
and of one arm alone. Each part keeps its course over the looks (the epochs at which arms are scored), and its relation
to the reported number and to the loss of base mAP. A new seed is the arms' means plus, for each part, a sum of the
recorded deviations with standard normal weights: one set of weights for all arms, one for each depth, one for each arm.
So each part has the recorded covariance, and no shape is assumed. The means include chance, so arms lie a little
farther apart than they truly do.
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
    """Curves of `seeds` new seeds. `kinds` has the kind of each arm; arms of one kind deviate together."""
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
    """Split [arms, seeds, values] into a common part [seeds, values], and by arm its kind's and its own part."""
    common = deviations.mean(axis=0)
    rest = deviations - common
    alike = np.empty_like(rest)
    for kind in dict.fromkeys(kinds):
        members = [arm for arm, own in enumerate(kinds) if own == kind]
        alike[members] = rest[members].mean(axis=0)
    return common, alike, rest - alike
