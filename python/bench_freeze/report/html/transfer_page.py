"""A transfer as one HTML page: what was taken, plots drawn as SVG, tables; nothing in it runs or is loaded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ...results.transfer import Clustering, Compared, Embedding, Estimated, SideBySide, Transfer
from ...text.visible import cell, visible
from ..formats import short
from ..transfer_text import shown, verdict
from .plotly import PALETTE

WIDTH, HEIGHT, LEFT, BOTTOM, EDGE = 640.0, 260.0, 52.0, 34.0, 12.0
MAP_SIDE = 300.0
NEAR_ZERO = 1e-12


@dataclass(frozen=True)
class _Table:
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]


@dataclass(frozen=True)
class _Line:
    name: str
    colour: str
    path: str
    points: list[tuple[float, float, float, float, str]]


@dataclass(frozen=True)
class _Plot:
    title: str
    x: str
    ticks_x: list[tuple[float, str]]
    ticks_y: list[tuple[float, str]]
    lines: list[_Line]


@dataclass(frozen=True)
class _Map:
    title: str
    points: list[tuple[float, float, str, str]]


@dataclass(frozen=True)
class _Part:
    title: str
    says: str
    plots: list[_Plot]
    tables: list[_Table]
    maps: list[_Map]


def transfer_page(transfer: Transfer) -> str:
    """The page of everything that was measured."""
    parts = [
        part for part in (_classification(transfer), _side(transfer), _crops(transfer), _segmentation(transfer)) if part
    ]
    sources = [
        {
            "title": cell(f"{own.name} ({own.task}): {own.taken.sentence()}"),
            "lists": [
                (what, list(map(cell, names)))
                for what, names in (("came", own.taken.came), ("new", own.taken.new), ("left", own.taken.left))
                if names
            ],
        }
        for own in transfer.sources
    ]
    loader = FileSystemLoader(Path(__file__).parent / "templates")
    environment = Environment(autoescape=True, loader=loader, undefined=StrictUndefined)
    return environment.get_template("transfer.html.j2").render(
        notes=list(map(visible, transfer.notes)),
        parts=parts,
        sources=sources,
        command=visible(transfer.command),
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        edge=EDGE,
        side=MAP_SIDE,
    )


def _classification(transfer: Transfer) -> _Part | None:
    found = transfer.classification
    if found is None:
        return None
    rows = [
        (
            own.source,
            f"{own.data_fraction:g}",
            *shown(own.top1),
            *(short(own.per_class[c], "fraction") for c in found.classes),
        )
        for own in found.accuracy
    ]
    by_share = [(own.source, own.data_fraction, own.top1) for own in found.accuracy]
    return _part(
        f"Classification: {found.data}",
        f"Top-1 of a linear probe on frozen features: {found.train_images} training and {found.test_images} scored "
        f"images; always naming one class gives {short(found.majority, 'fraction')}.",
        [_plot("Top-1 by share of the training images", "share of the training images", by_share)],
        [
            _table(("source", "share", "top-1", "95 % interval", *found.classes), rows),
            _compared(found.comparisons, "share"),
        ],
    )


def _crops(transfer: Transfer) -> _Part | None:
    found = transfer.crops
    if found is None:
        return None
    groups = list(dict.fromkeys(group.objects for own in found.accuracy for group in own.by_objects))
    rows = []
    for own in found.accuracy:
        by = {group.objects: f"{short(group.top1.value, 'fraction')} of {group.samples}" for group in own.by_objects}
        rows.append((own.source, f"{own.fill:g}", *shown(own.top1), *(by.get(name, "") for name in groups)))
    return _part(
        f"Objects: {found.data}",
        f"Top-1 of a linear probe of {found.test_objects} objects, in views that they fill more and less.",
        [
            _plot(
                "Top-1 by the share of the view that the object fills",
                "share of the view",
                [(o.source, o.fill, o.top1) for o in found.accuracy],
            )
        ],
        [
            _table(("source", "fills", "top-1", "95 % interval", *(f"{name} in view" for name in groups)), rows),
            _compared(found.comparisons, "fills"),
        ],
    )


def _segmentation(transfer: Transfer) -> _Part | None:
    found = transfer.segmentation
    if found is None:
        return None
    rows = [(own.source, f"{own.data_fraction:g}", *shown(own.miou)) for own in found.accuracy]
    most = max(own.data_fraction for own in found.accuracy)
    bands = [
        (own.source, float(band.width), band.boundary)
        for own in found.accuracy
        for band in own.bands
        if own.data_fraction == most and band.boundary is not None
    ]
    classes = [
        (name, *(short(own.per_class[name], "fraction") for own in found.accuracy if own.data_fraction == most))
        for name in found.classes
    ]
    names = [own.source for own in found.accuracy if own.data_fraction == most]
    return _part(
        f"Segmentation: {found.data}",
        f"Mean IoU of a linear decoder of frozen features: {found.train_images} training and {found.test_images} "
        "scored images.",
        [
            _plot(
                "Mean IoU by share of the training images",
                "share of the training images",
                [(o.source, o.data_fraction, o.miou) for o in found.accuracy],
            ),
            *(
                [_plot(f"Mean IoU near boundaries, share {most:g}", "pixels from a boundary, less than", bands)]
                if bands
                else []
            ),
        ],
        [
            _table(("source", "share", "mIoU", "95 % interval"), rows),
            _compared(found.comparisons, "share"),
            _table((f"IoU, share {most:g}", *names), classes),
        ],
    )


def _side(transfer: Transfer) -> _Part | None:
    found = transfer.side_by_side
    if found is None:
        return None
    rows = []
    for pair in found.pairs:
        both = [" ".join(shown(own)) if own is not None else "none" for own in (pair.a_in_b, pair.b_in_a)]
        numbers = (None if pair.overlap is None else pair.overlap.value, pair.distance_correlation)
        rows.append((f"{pair.a}, {pair.b}", *both, *(short(value, "fraction") for value in numbers)))
    layers = [
        (f"{pair.a}, {pair.b}", " ".join(f"{own.a}|{own.b}: {short(own.cka, 'fraction')}" for own in pair.cka))
        for pair in found.pairs
    ]
    names = transfer.classification.classes if transfer.classification is not None else []
    return _Part(
        visible("Features side by side"),
        visible(
            f"{found.images} images, each source at its last layer; the two directions are 1 in full agreement and 0.5 "
            "by chance. Each map is t-SNE of one seed: seeds differ."
        ),
        [],
        [
            _table(("a, b", "alike in a, in b too", "the converse", "neighbours shared", "distance correlation"), rows),
            _table(("a, b", "CKA by layer a|b"), layers),
            _table(("source", "clusters", "purity by seed", "NMI by seed"), list(map(_cluster, found.clusters))),
        ],
        [_map(own, found, k, names) for own in found.embeddings for k in range(len(own.points))],
    )


def _cluster(own: Clustering) -> tuple[str, ...]:
    values = [", ".join(short(value, "fraction") for value in numbers) for numbers in (own.purity, own.nmi)]
    return own.source, str(own.clusters), *values


def _map(own: Embedding, found: SideBySide, k: int, names: Sequence[str]) -> _Map:
    points = own.points[k]
    low = [min(point[axis] for point in points) for axis in (0, 1)]
    size = max(max(point[axis] for point in points) - low[axis] for axis in (0, 1)) or 1.0
    drawn = []
    for n, (point, label) in enumerate(zip(points, found.labels, strict=True)):
        x, y = (round(8 + (MAP_SIDE - 16) * (point[axis] - low[axis]) / size, 1) for axis in (0, 1))
        name = names[label] if label < len(names) else str(label)
        drawn.append((x, y, PALETTE[label % len(PALETTE)], cell(f"image {n}: {name}")))
    return _Map(cell(f"{own.source}, seed {found.seeds[k]}"), drawn)


def _part(title: str, says: str, plots: list[_Plot], tables: list[_Table]) -> _Part:
    return _Part(visible(title), visible(says), plots, tables, [])


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> _Table:
    return _Table(tuple(map(cell, headings)), [tuple(map(cell, row)) for row in rows])


def _compared(comparisons: Sequence[Compared], column: str) -> _Table:
    rows = [
        (
            f"{pair.b} - {pair.a}",
            f"{pair.data_fraction:g}",
            *shown(pair.difference, "change"),
            "" if pair.p is None else f"{pair.p:.3f}",
            verdict(pair),
        )
        for pair in comparisons
    ]
    return _table(("difference, paired", column, "change", "95 % interval", "p (Holm)", "by these data"), rows)


def _plot(title: str, x_title: str, points: Sequence[tuple[str, float, Estimated]]) -> _Plot:
    """Lines by source over a logarithmic axis, from 0 to the highest end of an interval."""
    xs = sorted({x for _, x, _ in points})
    top = max(end for _, _, own in points for end in (own.value, own.high or 0))
    top = max(math.ceil(min(top, 1.0) * 10) / 10, 0.1)
    first, last = math.log(xs[0]), math.log(xs[-1])

    def across(x: float) -> float:
        share = (math.log(x) - first) / (last - first) if last - first > NEAR_ZERO else 0.5
        return round(LEFT + 16 + (WIDTH - LEFT - EDGE - 32) * share, 1)

    def up(value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 20) * min(max(value, 0.0), top) / top, 1)

    names = list(dict.fromkeys(name for name, _, _ in points))
    return _Plot(
        visible(title),
        visible(x_title),
        [(across(x), f"{x:g}") for x in xs],
        [(up(top * k / 4), f"{top * k / 4:.2f}") for k in range(5)],
        [_line(name, PALETTE[k % len(PALETTE)], points, across, up) for k, name in enumerate(names)],
    )


def _line(
    name: str,
    colour: str,
    points: Sequence[tuple[str, float, Estimated]],
    across: Callable[[float], float],
    up: Callable[[float], float],
) -> _Line:
    own = sorted(((x, found) for source, x, found in points if source == name), key=lambda pair: pair[0])
    drawn = []
    for x, found in own:
        low, high = (found.value if end is None else end for end in (found.low, found.high))
        drawn.append((across(x), up(found.value), up(low), up(high), cell(f"{name}, {x:g}: {' '.join(shown(found))}")))
    return _Line(cell(name), colour, " ".join(f"{x},{y}" for x, y, *_ in drawn), drawn)
