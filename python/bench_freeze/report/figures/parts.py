"""AP of a head in parts: small and large objects, images with few and with many objects."""

from __future__ import annotations

from collections.abc import Sequence

from ...results.analysis import Part
from ...results.schema import Accuracy
from ..view import RowView
from .figure import Axis, Figure, Series, shown_first


def figure_of_parts(key: str, named: Sequence[tuple[str, RowView, Accuracy]]) -> Figure | None:
    """AP by the size of objects and by their number in an image, with intervals over images."""
    series = []
    names: dict[str, None] = {}
    for position, (name, row, accuracy) in enumerate(named):
        if accuracy.breakdown is None:
            continue
        parts = {f"{area} objects": part for area, part in accuracy.breakdown.by_area.items()}
        parts |= {f"images with {count}": part for count, part in accuracy.breakdown.by_count.items()}
        own = {part_name: part for part_name, part in parts.items() if part.ap.value is not None}
        names |= dict.fromkeys(own)
        series.append(
            Series(
                name=name,
                x=list(own),
                y=[part.ap.value for part in own.values()],
                low=[part.ap.low for part in own.values()],
                high=[part.ap.high for part in own.values()],
                labels=[_label(part) for part in own.values()],
                symbol=position,
                dashed=row.kind == "original",
                first=shown_first(position, len(named), 4),
            )
        )
    if not names:
        return None
    return Figure(
        key=f"parts-{key}",
        title=f"AP by size and number of objects, {key} head",
        says=f"{len(names)} parts of the {key} set, with intervals over images, for {len(series)} models.",
        x=Axis("part", names=True, order=list(names)),
        y=Axis("AP, IoU 0.50 to 0.95", from_zero=True),
        series=series,
        sideways=True,
        choose=len(series) > 1,
    )


def _label(part: Part) -> str:
    reason = f"; no interval: {part.ap.no_interval}" if part.ap.no_interval is not None else ""
    return f"{part.objects} objects, {part.images} images{reason}"
