"""The graft ladder: layers 0..k-1 tuned, the rest original, for every k from the original (0) to grafted (the head).

Where the base output falls on the way up is where the features were forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import Tensor, nn

from .model import predictions, run_layers


class GraftLadder:
    """All rungs between an original and a tuned detector of the same layout, sharing the tuned layers below a rung."""

    def __init__(self, base: nn.Module, tuned: nn.Module) -> None:
        if len(base.model) != len(tuned.model):
            raise ValueError("base and tuned model differ in their number of layers")
        self._base, self._tuned = list(base.model), list(tuned.model)
        self._kept = frozenset(base.save) | frozenset(tuned.save)

    @property
    def rungs(self) -> range:
        """Every k: 0 is the original detector, the last one has its head on the whole tuned neck."""
        return range(len(self._base))

    def outputs(self, images: Tensor, rungs: Iterable[int] | None = None) -> Iterator[tuple[int, Tensor]]:
        """(k, base head's output) for each rung, ascending.

        Each tuned layer runs once for all rungs above it; only the original layers from k on run anew per rung.
        """
        wanted = sorted(set(self.rungs if rungs is None else rungs))
        features, done = images, 0
        below: dict[int, Tensor] = {}
        for k in wanted:
            features = run_layers(self._tuned[done:k], features, below, self._kept)
            done = k
            yield k, predictions(run_layers(self._base[k:], features, dict(below), self._kept))
