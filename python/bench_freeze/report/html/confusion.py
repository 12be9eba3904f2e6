"""Confusion matrices for the page: a table if there are few classes, otherwise the most confused pairs."""

from __future__ import annotations

from dataclasses import dataclass

from ...results.curves import Confusion
from ...text.visible import cell as shown
from ..figures.curves import heads_of
from ..figures.head_curves import best_threshold
from ..view import RowView, View

MOST_CLASSES = 20  # the largest matrix that is still readable
MOST_PAIRS = 12
MOST_MODELS = 8  # per head; results.json has all
BACKGROUND = "background"


@dataclass(frozen=True)
class MatrixCell:
    """A count and its share of the row's annotated boxes."""

    count: int
    share: float
    right: bool  # whether the class is the annotated one


@dataclass(frozen=True)
class Matrix:
    """One head of one model. Rows are annotated classes, columns detected ones; the last of each is background."""

    title: str
    says: str
    names: list[str]
    rows: list[tuple[str, list[MatrixCell]]]
    pairs: list[tuple[str, str, int]]  # used if there are too many classes for a table
    first: bool  # shown without opening anything


def matrices(view: View) -> list[Matrix]:
    """The matrices of every head's models, the recommended one first."""
    found = []
    for key, head, rows, name in heads_of(view):
        own = [row for row in rows if (accuracy := head(row)) is not None and accuracy.curves is not None]
        own.sort(key=lambda row: not _is_picked(row, view))
        for position, row in enumerate(own[:MOST_MODELS]):
            accuracy = head(row)
            if accuracy is not None and (curves := accuracy.curves) is not None:
                threshold, f1 = best_threshold(curves)
                says = f"Highest mean F1 {f1:.3f}, at a score threshold of {threshold:.2f}."
                found.append(_matrix(f"{key.capitalize()} head, {name(row)}", says, curves.confusion, position == 0))
    return found


def _is_picked(row: RowView, view: View) -> bool:
    return row.id in view.picked or (bool(row.arm) and row.arm in view.picked)


def _matrix(title: str, says: str, found: Confusion, first: bool) -> Matrix:
    count = {(cell.annotated, cell.detected): cell.count for cell in found.cells}
    says = (
        f"Counts of detections that score more than {found.score_threshold:g}, matched at IoU "
        f"{found.iou_threshold:g}. {says}"
    )
    if len(found.classes) > MOST_CLASSES:
        wrong = [(_name(found, a), _name(found, d), n) for (a, d), n in count.items() if a != d and a >= 0 and d >= 0]
        missed = sum(n for (_, d), n in count.items() if d < 0)
        false = sum(n for (a, _), n in count.items() if a < 0)
        hits = sum(n for (a, d), n in count.items() if a == d)
        says += f" {hits} right, {missed} missed, {false} false; the most frequent confusions are listed below."
        return Matrix(title, says, [], [], wrong[:MOST_PAIRS], first)
    order = [*range(len(found.classes)), -1]
    rows = []
    for a in order:
        total = sum(count.get((a, d), 0) for d in order) or 1
        cells = [MatrixCell(count.get((a, d), 0), count.get((a, d), 0) / total, a == d) for d in order]
        rows.append((_name(found, a), cells))
    return Matrix(title, says, [_name(found, d) for d in order], rows, [], first)


def _name(found: Confusion, label: int) -> str:
    return BACKGROUND if label < 0 else shown(found.classes[label])
