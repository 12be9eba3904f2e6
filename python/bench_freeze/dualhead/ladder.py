"""The graft ladder: for every k from 0 (original) to the head (grafted), layers 0..k-1 tuned and the rest original.

The rung at which base mAP falls shows which layers forgot the base task.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import Tensor, nn

from .model import predictions, run_layers


class GraftLadder:
    """All rungs between an original and a tuned detector of the same layout; they share the tuned layers' outputs."""

    def __init__(self, base: nn.Module, tuned: nn.Module) -> None:
        if len(base.model) != len(tuned.model):
            raise ValueError("base and tuned model differ in their number of layers")
        self._base, self._tuned = list(base.model), list(tuned.model)
        self._kept = frozenset(base.save) | frozenset(tuned.save)

    @property
    def rungs(self) -> range:
        """Every k: 0 is the original detector; the last has the original head on the whole tuned neck."""
        return range(len(self._base))

    def outputs(self, images: Tensor, rungs: Iterable[int] | None = None) -> Iterator[tuple[int, Tensor]]:
        """Yield (k, base head's output) for each rung, in ascending order.

        `images` are [B, 3, S, S]. Each tuned layer runs once for all rungs above it; only the original layers from k on
        run again for each rung.
        """
        wanted = sorted(set(self.rungs if rungs is None else rungs))
        features, done = images, 0
        below: dict[int, Tensor] = {}
        for k in wanted:
            features = run_layers(self._tuned[done:k], features, below, self._kept)
            done = k
            yield k, predictions(run_layers(self._base[k:], features, dict(below), self._kept))
