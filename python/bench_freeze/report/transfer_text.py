"""A transfer as tables of plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..results.answers import Answer, AnswerFigure
from ..results.estimated import Compared, Estimated
from ..results.look import Look
from ..results.transfer import Classification, Crops, Segmentation, SideBySide, Transfer
from ..results.tuned import FineTuned
from ..text import terminal
from ..text.aligned import aligned
from .formats import number, p_value, short
from .view import Format


def transfer_text(transfer: Transfer) -> str:
    """The tensors taken from each source, then every part that was measured."""
    parts: list[str] = ["Sources (read at the backbone's last layer):", *_sources(transfer)]
    parts += [f"note: {note}" for note in transfer.notes]
    if transfer.classification is not None:
        parts += ["", *_classification(transfer.classification)]
    if transfer.side_by_side is not None:
        parts += ["", *_side_by_side(transfer.side_by_side)]
    if transfer.crops is not None:
        parts += ["", *_crops(transfer.crops)]
    if transfer.segmentation is not None:
        parts += ["", *_segmentation(transfer.segmentation)]
    if transfer.look is not None:
        parts += ["", *_look(transfer.look)]
    if transfer.answers:
        parts += ["", *_answers(transfer.answers)]
    return terminal.lines(parts)


def _answers(answers: Sequence[Answer]) -> Iterator[str]:
    yield "Five questions of arXiv 1904.05871, a detector minus a classifier:"
    for place, own in enumerate(answers, start=1):
        yield f"{place}. {own.question}"
        yield from (f"   {line}" for line in answer_lines(own))


def answer_lines(answer: Answer) -> list[str]:
    """What these data say about a question, one line per number."""
    if not answer.figures:
        return [f"not measured here: {answer.not_measured}."]
    return [_figure(own) for own in answer.figures]


def _figure(own: AnswerFigure) -> str:
    value, ends = shown(own.difference, "change")
    known = "no interval" if ends == "none" else f"[{ends}]"
    p = "" if own.p is None else f", p {p_value(own.p)}"
    return f"{own.what}, {own.detector} - {own.classifier}: {value} {known}{p}: {own.verdict}."


def _sources(transfer: Transfer) -> list[str]:
    rows: list[tuple[str, ...]] = [("source", "task", "layers", "tensors that came", "drawn", "left")]
    for source in transfer.sources:
        taken = source.taken
        counts = [str(len(names)) for names in (taken.came, taken.new, taken.left)]
        rows.append((source.name, source.task, str(len(source.layers)), *counts))
    return aligned(rows, words=2)


def _classification(found: Classification) -> Iterator[str]:
    yield (
        f"Top-1 of a linear reader on {found.data}: {found.train_images} training and {found.test_images} scored "
        f"images, {len(found.classes)} classes, the most frequent one {short(found.majority, 'fraction')}."
    )
    yield from _recipe(found.fine_tuned)
    rows: list[tuple[str, ...]] = [("source", "backbone", "share", "top-1", "95 % interval", *found.classes)]
    for words, accuracy, _ in found.tables():
        for own in accuracy:
            classes = [short(own.per_class[name], "fraction") for name in found.classes]
            rows.append((own.source, words, f"{own.data_fraction:g}", *shown(own.top1), *classes))
    yield from aligned(rows, words=2)
    for words, _, comparisons in found.tables():
        yield from comparison_lines(comparisons, of=words)


def _recipe(found: FineTuned | None) -> list[str]:
    return [] if found is None else [found.sentence()]


def _side_by_side(found: SideBySide) -> Iterator[str]:
    yield f"Features side by side on {found.images} images of {found.data}, last layers:"
    rows: list[tuple[str, ...]] = [("a", "b", "alike in a, in b too", "the converse", "shared", "dist. corr.", "CKA")]
    for pair in found.pairs:
        directions = [" ".join(shown(own)) if own is not None else "none" for own in (pair.a_in_b, pair.b_in_a)]
        overlap = short(None if pair.overlap is None else pair.overlap.value, "fraction")
        last = short(pair.cka[-1].cka, "fraction")
        rows.append((pair.a, pair.b, *directions, overlap, short(pair.distance_correlation, "fraction"), last))
    yield from aligned(rows, words=2)
    yield ""
    rows = [("source", "clusters", "purity", "NMI", "t-SNE neighbours that two seeds share")]
    between = {own.source: own.between_seeds for own in found.embeddings}
    for own in found.clusters:
        means = [short(sum(values) / len(values), "fraction") for values in (own.purity, own.nmi)]
        rows.append((own.source, str(own.clusters), *means, short(between.get(own.source), "fraction")))
    yield from aligned(rows, words=1)


def _crops(found: Crops) -> Iterator[str]:
    yield (
        f"Top-1 of a linear probe on the objects of {found.data}: {found.train_objects} training and "
        f"{found.test_objects} scored objects, {len(found.classes)} classes, the most frequent one "
        f"{short(found.majority, 'fraction')}."
    )
    groups = list(dict.fromkeys(group.objects for own in found.accuracy for group in own.by_objects))
    headings = [f"{name} in view" for name in groups]
    rows: list[tuple[str, ...]] = [("source", "fills", "top-1", "95 % interval", *headings)]
    for own in found.accuracy:
        by = {group.objects: f"{short(group.top1.value, 'fraction')} of {group.samples}" for group in own.by_objects}
        rows.append((own.source, f"{own.fill:g}", *shown(own.top1), *(by.get(name, "") for name in groups)))
    yield from aligned(rows, words=1)
    yield from comparison_lines(found.comparisons, "fills")
    for name, comparisons in found.losses.items():
        yield ""
        yield f"Loss of top-1, {name}; differences, p adjusted by Holm over both losses:"
        yield from _pairs(comparisons)


def _segmentation(found: Segmentation) -> Iterator[str]:
    yield (
        f"Mean IoU of a linear decoder on {found.data}: {found.train_images} training and {found.test_images} scored "
        f"images, {len(found.classes)} classes with the background."
    )
    yield from _recipe(found.fine_tuned)
    widths = [f"< {band.width} px" for band in found.accuracy[0].bands]
    rows: list[tuple[str, ...]] = [("source", "backbone", "share", "mIoU", "95 % interval", *widths, "interior")]
    for words, accuracy, _ in found.tables():
        for own in accuracy:
            bands = [short(None if b.boundary is None else b.boundary.value, "fraction") for b in own.bands]
            inside = next((band.interior for band in own.bands if band.width == 10), None)
            interior = short(None if inside is None else inside.value, "fraction")
            rows.append((own.source, words, f"{own.data_fraction:g}", *shown(own.miou), *bands, interior))
    yield from aligned(rows, words=2)
    yield "Columns < w px: pixels less than w from a boundary; interior: all others for w = 10."
    for words, _, comparisons in found.tables():
        yield from comparison_lines(comparisons, of=words)


def look_table(found: Look) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows: where every source is active, and how covered parts change its accuracy."""
    headings = (
        "source", "energy inside boxes", "spread over an object", "evenness of quarters", "top-1",
        "without a quarter", "without a half", *(f"{at.share:g} covered" for at in found.sources[0].curve),
    )  # fmt: skip
    rows = []
    for own in found.sources:
        parts = (own.whole, own.without_quarter, own.without_half, *own.curve)
        measures = [_or_none(value) for value in (own.energy_inside, own.spread, own.quarters)]
        rows.append((own.source, *measures, *(short(at.top1.value, "fraction") for at in parts)))
    return headings, rows


def _or_none(found: Estimated | None) -> str:
    return "none" if found is None else " ".join(shown(found))


def _look(found: Look) -> Iterator[str]:
    area = "" if found.area_inside is None else f"; boxes cover {short(found.area_inside, 'fraction')} of an image"
    yield (
        f"What neurons look at, on {found.images} images of {found.data}, and top-1 of {found.test_objects} of "
        f"{found.of_objects} objects with parts covered{area}:"
    )
    headings, rows = look_table(found)
    yield from aligned([headings, *rows], words=1)
    for name, comparisons in found.comparisons.items():
        yield ""
        yield f"{name}, paired by image and seed; p adjusted by Holm over all measures:"
        yield from _pairs(comparisons)


def comparison_lines(comparisons: Sequence[Compared], column: str = "share", of: str = "") -> Iterator[str]:
    """Paired differences as a table, with what these data show; `of` says in words what differs."""
    if not comparisons:
        return
    yield ""
    yield f"Differences, {of + ', ' if of else ''}paired by image and seed; p adjusted by Holm:"
    yield from _pairs(comparisons, column)


def _pairs(comparisons: Sequence[Compared], column: str | None = None) -> Iterator[str]:
    share = () if column is None else (column,)
    rows: list[tuple[str, ...]] = [("difference", *share, "change", "95 % interval", "p", "")]
    for pair in comparisons:
        at = () if column is None else (f"{pair.data_fraction:g}",)
        rows.append((f"{pair.b} - {pair.a}", *at, *shown(pair.difference, "change"), p_value(pair.p), verdict(pair)))
    yield from aligned(rows, words=(0, len(rows[0]) - 1))


def shown(found: Estimated, form: Format = "fraction") -> tuple[str, str]:
    """A number and its interval as text."""
    if found.low is None or found.high is None:
        return number(found.value, form), "none"
    return number(found.value, form), f"{number(found.low, form)} to {number(found.high, form)}"


def verdict(pair: Compared) -> str:
    """What these data say about a difference."""
    if pair.shown is None:
        return "no claim" if pair.difference.no_interval is None else pair.difference.no_interval
    return "shown by these data" if pair.shown else "not shown by these data"
