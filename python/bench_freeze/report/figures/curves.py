"""What a mean hides: AP at every IoU threshold and of every class, for both heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...results.schema import Accuracy, Original, Row
from ..view import RowView, View
from .figure import Axis, Figure, Series, shown_first
from .head_curves import figures_of_curves
from .parts import figure_of_parts

Head = Callable[[RowView], Accuracy | None]
Name = Callable[[RowView], str]


def figures_of_heads(view: View) -> list[Figure]:
    """AP against IoU, by class and in parts, of the target head and of the base head."""
    found: list[Figure] = []
    for key, head, rows, name in heads_of(view):
        named = _distinct(rows, head, name)
        if named:
            parts = figure_of_parts(key, [(text, row, _certain(head, row)) for text, row in named])
            found += [_by_iou(key, head, named), _by_class(key, head, named), *([parts] if parts else [])]
    return found


def curves_of_heads(view: View) -> list[Figure]:
    """Precision-recall and F1 of the target head and of the base head, where the results keep them."""
    found: list[Figure] = []
    for key, head, rows, name in heads_of(view):
        named = [(text, row, _certain(head, row).curves) for text, row in _distinct(rows, head, name)]
        found += figures_of_curves(key, [(text, row, curves) for text, row, curves in named if curves is not None])
    return found


def heads_of(view: View) -> list[tuple[str, Head, list[RowView], Name]]:
    """One head: how to read its accuracy from a row, from which rows, and under which names."""
    with_base = [row for row in view.models("original", "model") if row.key.construction != "plain"]
    return [("target", target_of, _trainings(view), _training_name), ("base", base_of, with_base, _row_name)]


def target_of(row: RowView) -> Accuracy | None:
    """The target head on the target set."""
    return row.record.target if isinstance(row.record, Row) else None


def base_of(row: RowView) -> Accuracy | None:
    """The base head on the base set."""
    return row.record.base if isinstance(row.record, Row | Original) else None


def _trainings(view: View) -> list[RowView]:
    """One row for each training and deployment: the target head's results do not depend on the construction."""
    found: dict[tuple[object, ...], RowView] = {}
    for row in view.models("model"):  # means over seeds have no curves of their own
        found.setdefault((row.source, row.key.training, row.key.deployment), row)
    return list(found.values())


def _training_name(row: RowView) -> str:
    return row.name_with(construction="freeze")


def _row_name(row: RowView) -> str:
    return row.name


def _distinct(rows: Sequence[RowView], head: Head, name: Name) -> list[tuple[str, RowView]]:
    """Rows with names; rows with equal results share one, so that no curve hides another."""
    groups: dict[tuple[object, ...], list[RowView]] = {}
    for row in rows:
        accuracy = head(row)
        if accuracy is not None and accuracy.map is not None:
            groups.setdefault((row.source, *accuracy.ap_by_iou.values(), accuracy.map), []).append(row)
    named = []
    for group in groups.values():
        more = f" and {len(group) - 1} equal" if len(group) > 1 else ""
        named.append((name(group[0]) + more, group[0]))
    return named


def _by_iou(key: str, head: Head, named: Sequence[tuple[str, RowView]]) -> Figure:
    series = []
    for position, (name, row) in enumerate(named):
        accuracy = _certain(head, row)
        wide = accuracy.breakdown.by_iou if accuracy.breakdown is not None else {}
        series.append(
            Series(
                name=name,
                x=[float(iou) for iou in wide or accuracy.ap_by_iou],
                y=[at.value for at in wide.values()] or list(accuracy.ap_by_iou.values()),
                low=[at.low for at in wide.values()],
                high=[at.high for at in wide.values()],
                mark="line and points",
                symbol=position,
                dashed=row.kind == "original",
                first=shown_first(position, len(named)),
            )
        )
    best = max(named, key=lambda pair: _certain(head, pair[1]).map or 0.0)
    return Figure(
        key=f"iou-{key}",
        title=f"AP against IoU, {key} head",
        says=f"{len(named)} different curves; AP falls as boxes have to fit better. The highest mAP is "
        f"{_certain(head, best[1]).map:.4f} ({best[0]}).",
        x=Axis("IoU threshold"),
        y=Axis(f"AP, {key} set", from_zero=True),
        series=series,
        choose=len(series) > 1,
    )


def _by_class(key: str, head: Head, named: Sequence[tuple[str, RowView]]) -> Figure:
    first = _certain(head, named[0][1])
    classes = sorted(first.per_class, key=lambda name: -(first.per_class[name].ap or 0.0))
    series = []
    for position, (name, row) in enumerate(named):
        per_class = _certain(head, row).per_class
        own = [c for c in classes if c in per_class and per_class[c].ap is not None]
        series.append(
            Series(
                name=name,
                x=own,
                y=[per_class[c].ap for c in own],
                labels=[f"{per_class[c].ground_truth} boxes" for c in own],
                symbol=position,
                first=shown_first(position, len(named), 4),
            )
        )
    scored = [c for c in classes if any(c in s.x for s in series)]
    which = f", ordered by the AP of {named[0][0]}: highest {scored[0]}, lowest {scored[-1]}" if scored else ""
    return Figure(
        key=f"classes-{key}",
        title=f"AP of every class, {key} head",
        says=f"{len(scored)} classes with an AP{which}.",
        x=Axis("class", names=True, order=scored),
        y=Axis("AP, IoU 0.50 to 0.95", from_zero=True),
        series=series,
        sideways=True,
        choose=len(series) > 1,
        notes="The data have the number of annotated boxes: an AP over a few boxes says little.",
    )


def _certain(head: Head, row: RowView) -> Accuracy:
    accuracy = head(row)
    assert accuracy is not None, "rows without this head were left out"
    return accuracy
