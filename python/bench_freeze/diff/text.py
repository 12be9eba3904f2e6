"""A difference as a table for people and as plain values for machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ..text.visible import cell
from .blame import Difference, HeadVerdict, LayerError

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

WORST = 8  # layers with the largest own errors, shown besides those that verdicts name


def to_dict(difference: Difference) -> dict[str, object]:
    """Plain values; an infinite error becomes null, which JSON has no number for."""
    values = asdict(difference)
    values["diverges"] = difference.diverges
    for entry in (*values["layers"], *values["verdicts"]):
        for key, value in entry.items():
            if value == float("inf"):
                entry[key] = None
    return values


def sentences(difference: Difference) -> list[str]:
    """What was compared, and the verdict on every head."""
    bounds = difference.bounds
    lines = [
        f"A {difference.a}",
        f"B {difference.b}",
        f"{len(difference.layers)} tensors on {difference.images} images, {difference.unpaired} of A not compared; "
        f"bounds: cumulative {bounds.cumulative:g}, own {bounds.own:g}",
    ]
    return lines + [_verdict(verdict, difference) for verdict in difference.verdicts]


def layer_table(difference: Difference, everything: bool = False) -> Table:
    """The layers in the order of the model: all, or those that verdicts name and the worst."""
    from rich.table import Table
    from rich.text import Text

    shown = set(range(len(difference.layers)))
    if not everything:
        worst = sorted(shown, key=lambda i: -difference.layers[i].own)[:WORST]
        named = (position for v in difference.verdicts for position in (v.first, v.at_fault))
        shown = {*worst, *(position for position in named if position is not None)}
    table = Table("layer", "operator", "tensor", "heads", box=None, header_style="bold")
    table.add_column("own", justify="right")
    table.add_column("cumulative", justify="right")
    for i in sorted(shown):
        layer = difference.layers[i]
        own = _number(layer.own, difference.bounds.own)
        cumulative = _number(layer.cumulative, difference.bounds.cumulative)
        names = (layer.layer, layer.operator, layer.tensor, "+".join(layer.heads))
        table.add_row(*(Text(cell(name)) for name in names), own, cumulative)
    return table


def _verdict(verdict: HeadVerdict, difference: Difference) -> str:
    error = f"{verdict.head}: outputs differ by {verdict.deployed:.2g}"
    if verdict.at_fault is not None:
        layer = difference.layers[verdict.at_fault]
        return f"{error}; at fault: {_name(layer)}, off by {layer.own:.2g} on inputs that are right"
    bound = difference.bounds.cumulative
    if verdict.first is not None:
        layer = difference.layers[verdict.first]
        return (
            f"{error}; first beyond the bound: {_name(layer)}, by {layer.cumulative:.2g}; no layer is at fault alone, "
            "errors before it added up"
        )
    if verdict.deployed > bound >= verdict.exposed:
        return (
            f"{error}, and by {verdict.exposed:.2g} with all tensors exposed; no layer is at fault: it is what the "
            "engine does when it fuses layers"
        )
    if verdict.exposed > bound:
        return f"{error}; every tensor that could be compared is within its bound"
    return f"{error}; within the bounds at every layer"


def _name(layer: LayerError) -> str:
    return f"{layer.layer} ({layer.operator}, tensor {layer.tensor})"


def _number(value: float, bound: float) -> Text:
    from rich.text import Text

    return Text(f"{value:.2g}", style="red" if value > bound else "")
