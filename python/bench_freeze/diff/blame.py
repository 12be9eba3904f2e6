"""The error of every layer of one model against another, and for each head the first layer that diverges."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..config.deployment import Precision
from ..errors import InputError
from .graph import Graph, TensorPair, corresponding
from .side import Side


@dataclass(frozen=True)
class Bounds:
    """Relative errors at which a layer counts as diverging: accumulated on the way to it, and of the layer alone."""

    cumulative: float
    own: float


# Two to ten times the error at the worst layer in correct conversions of a dual-head YOLOv8n on real images: fp16 0.003
# and 0.0007, int8 0.31 and 0.06. A broken layer has a relative error of about 1.
BOUNDS: dict[Precision, Bounds] = {"fp32": Bounds(1e-3, 1e-4), "fp16": Bounds(0.03, 0.005), "int8": Bounds(0.6, 0.2)}


@dataclass
class Error:
    """Relative error of a tensor over all images, |a - b| / |a| in the Euclidean norm; infinite where a value
    is not a number.
    """

    squares: float = 0.0
    reference: float = 0.0
    largest: float = 0.0  # single difference

    def add(self, a: NDArray[np.floating], b: NDArray[np.floating]) -> None:
        """Add the values of one batch."""
        expected = a.astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            difference = np.abs(expected - b)
        difference = np.nan_to_num(difference, nan=np.inf, posinf=np.inf)
        self.squares += float(np.square(difference).sum())
        self.reference += float(np.square(np.nan_to_num(expected, posinf=0, neginf=0)).sum())
        self.largest = max(self.largest, float(difference.max(initial=0.0)))

    @property
    def relative(self) -> float:
        """The relative error; 0 for equal values, also if all are zero."""
        if self.squares == 0:
            return 0.0
        return math.sqrt(self.squares / self.reference) if self.reference > 0 else math.inf


@dataclass(frozen=True)
class LayerError:
    """One layer of the second model. `own` is its error on the first model's inputs: the layer's own fault."""

    layer: str
    operator: str
    tensor: str
    heads: tuple[str, ...]  # that depend on it
    cumulative: float
    own: float


@dataclass(frozen=True)
class HeadVerdict:
    """One head: the errors of its outputs as deployed and with all tensors exposed, and its notable layers by position.

    Errors are the larger of boxes and scores. `first` is the first layer whose cumulative error exceeds its bound,
    `at_fault` the first whose own error exceeds its bound. Exposing tensors stops an engine from fusing layers: if only
    `deployed` exceeds the bound, the fusion is at fault.
    """

    head: str
    deployed: float
    exposed: float
    first: int | None
    at_fault: int | None


@dataclass(frozen=True)
class Difference:
    """Two models compared on `images` images; `layers` are in the order of the first model."""

    a: str
    b: str
    images: int
    bounds: Bounds
    layers: tuple[LayerError, ...]
    verdicts: tuple[HeadVerdict, ...]
    unpaired: int  # float tensors of the first model that the second lacks, or does not show

    @property
    def diverges(self) -> bool:
        """Whether any error exceeds its bound."""
        heads = any(max(v.deployed, v.exposed) > self.bounds.cumulative for v in self.verdicts)
        return heads or any(v.first is not None or v.at_fault is not None for v in self.verdicts)


@dataclass
class _Tally:
    cumulative: Error = field(default_factory=Error)
    own: Error = field(default_factory=Error)


def bounds_for(a: Side, b: Side) -> Bounds:
    """The bounds of the less precise side."""
    return max(BOUNDS[a.exactness], BOUNDS[b.exactness], key=lambda bounds: bounds.cumulative)


def compare(a: Side, b: Side, batches: Iterable[NDArray[np.float32]], bounds: Bounds | None = None) -> Difference:
    """Compare `b` with `a` on batches [B, 3, S, S] of one shape; `bounds` default to those of their precisions.

    Raises InputError if the two models share no head or no tensor.
    """
    bounds = bounds or bounds_for(a, b)
    heads = [head.name for head in a.card.heads if head.name in {other.name for other in b.card.heads}]
    if not heads:
        raise InputError(f"{a.title} and {b.title} have no head of the same name; compare models of the same heads.")
    pairs = [p for p in corresponding(a.graph, b.graph) if a.shows(p.a) and b.shows(p.b)]
    if not pairs:
        raise InputError(f"{a.title} and {b.title} share no tensor; both must come from the same model.")
    layers = {pair: _Tally() for pair in pairs}
    kinds = {head.name: head.kind for head in a.card.heads}
    deployed = {head: (Error(), Error()) for head in heads}
    shown = {head: (Error(), Error()) for head in heads}
    images = 0
    for batch in batches:
        images += len(batch)
        expected = a.values(batch, [*{*(p.a for p in pairs), *heads}])
        found = b.values(batch, [*{*(p.b for p in pairs), *heads}])
        _check_shapes(pairs, expected, found)
        own = b.own(batch, {pair.b: expected[pair.a] for pair in pairs})
        for pair, tally in layers.items():
            tally.cumulative.add(expected[pair.a], found[pair.b])
            tally.own.add(expected[pair.a], own[pair.b])
        first, second = a.heads(batch), b.heads(batch)
        for head in heads:
            for errors, x, y in ((deployed, first, second), (shown, expected, found)):
                parts = zip(_parts(x[head], kinds[head]), _parts(y[head], kinds[head]), strict=True)
                for error, (reference, value) in zip(errors[head], parts, strict=True):
                    error.add(reference, value)
    reach = {head: a.graph.upstream(head) for head in heads}
    rows = tuple(
        LayerError(
            pair.layer,
            pair.operator,
            pair.b,
            tuple(head for head in heads if pair.a in reach[head]),
            tally.cumulative.relative,
            tally.own.relative,
        )
        for pair, tally in layers.items()
    )
    verdicts = tuple(
        HeadVerdict(
            head,
            max(error.relative for error in deployed[head]),
            max(error.relative for error in shown[head]),
            _first(rows, head, [row.cumulative > bounds.cumulative for row in rows]),
            _first(rows, head, [row.own > bounds.own for row in rows]),
        )
        for head in heads
    )
    return Difference(a.title, b.title, images, bounds, rows, verdicts, _floats(a.graph) - len(pairs))


def _parts(output: NDArray[np.floating], kind: str) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Boxes and scores of a head's output. If the head selects detections itself, rounding decides their order, so only
    the sorted scores can be compared.
    """
    if kind == "raw":
        return output[:, :4], output[:, 4:]
    return output[:0], -np.sort(-output[..., 4])


def _first(rows: Sequence[LayerError], head: str, beyond: Sequence[bool]) -> int | None:
    found = (i for i, (row, is_beyond) in enumerate(zip(rows, beyond, strict=True)) if is_beyond and head in row.heads)
    return next(found, None)


def _check_shapes(
    pairs: Sequence[TensorPair], expected: Mapping[str, NDArray[np.floating]], found: Mapping[str, NDArray[np.floating]]
) -> None:
    for pair in pairs:
        if expected[pair.a].shape != found[pair.b].shape:
            raise InputError(
                f"tensor {pair.a} is {list(expected[pair.a].shape)} in the first model and "
                f"{list(found[pair.b].shape)} in the second (layer {pair.layer}); compare models of the same "
                "architecture, heads and image size."
            )


def _floats(graph: Graph) -> int:
    from onnx import TensorProto

    floats = (TensorProto.FLOAT, TensorProto.FLOAT16)
    return sum(graph.types.get(name) in floats for name in graph.producer)
