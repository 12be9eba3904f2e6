"""Target AP by protocol, IoU and object size, and how far pre-trainings differ in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ...results.study_statistics import AtIou, ProtocolStatistics
from ..protocol_text import compared_lines, difference_name, sizes_in_words
from ..view import View
from .figure import Axis, Figure, Series, shown_first

AT_ONCE = 4  # models that a plot shows at first, for objects of all sizes


def figures_of_protocols(view: View) -> list[Figure]:
    """A plot for each protocol, and one of the differences; empty where no study asked for protocols."""
    found = list(_found(view))
    names = dict.fromkeys(name for _, own in found for training in own.trainings for name in training.ap)
    every = [*(_by_iou(name, found) for name in names), _differences(found)]
    return [figure for figure in every if figure is not None]


def _found(view: View) -> Iterator[tuple[str, ProtocolStatistics]]:
    for study in view.studies:
        if study.results.statistics is not None and study.results.statistics.protocols is not None:
            yield ("" if len(view.studies) == 1 else f"{study.name}: "), study.results.statistics.protocols


def _by_iou(protocol: str, found: list[tuple[str, ProtocolStatistics]]) -> Figure | None:
    trainings = [(source, training) for source, own in found for training in own.trainings if protocol in training.ap]
    series = []
    for position, (source, training) in enumerate(trainings):
        for size, by_iou in training.ap[protocol].items():
            series.append(
                _drawn(
                    by_iou,
                    Series(
                        name=f"{source}{training.training}, {size}",
                        x=[float(iou) for iou in by_iou],
                        mark="line and points",
                        group=f"{source}{training.training}",
                        symbol=position,
                        dashed=size != "all",
                        first=size == "all" and shown_first(position, len(trainings), AT_ONCE),
                    ),
                )
            )
    if not series:
        return None
    sizes = "; ".join(dict.fromkeys(sizes_in_words(own) for _, own in found))
    return Figure(
        key=f"protocol-{protocol}",
        title=f"Target AP by IoU and object size, {protocol}",
        says=f"AP of {len(trainings)} trainings at IoU 0.10 to 0.95. Objects by size: {sizes}.",
        x=Axis("IoU threshold"),
        y=Axis(f"AP, {protocol}", from_zero=True),
        series=series,
        choose=True,
        notes=f"Means over seeds, with intervals over images and seeds. Objects by size: {sizes}. Dashed: one size.",
    )


def _differences(found: list[tuple[str, ProtocolStatistics]]) -> Figure | None:
    pairs = [(source, pair) for source, own in found for pair in own.differences]
    series = []
    places: dict[str, None] = {}
    for position, (source, pair) in enumerate(pairs):
        for at, (protocol, by_size) in enumerate(pair.difference.items()):
            own = {f"IoU {iou}, {size}": claim for size, ious in by_size.items() for iou, claim in ious.items()}
            places |= dict.fromkeys(own)
            series.append(
                _drawn(
                    own,
                    Series(
                        name=f"{source}{difference_name(pair)}, {protocol}",
                        x=list(own),
                        group=f"{source}{difference_name(pair)}",
                        symbol=at,
                        first=at == 0 and shown_first(position, len(pairs), AT_ONCE),
                    ),
                )
            )
    if not series:
        return None
    lines = " ".join(line for _, own in found for line in compared_lines(own))
    return Figure(
        key="protocol-sources",
        title="Pre-trainings compared by IoU and object size",
        says=lines,
        x=Axis("IoU and objects", names=True, order=list(places)),
        y=Axis("difference of target AP"),
        series=series,
        sideways=True,
        choose=True,
        notes="The first pre-training minus the second, trained alike; intervals of paired differences over images "
        "and seeds; each is of one difference and not corrected for their number.",
    )


def _drawn(claims: Mapping[str, AtIou], series: Series) -> Series:
    """A series with its numbers and their intervals."""
    own = list(claims.values())
    return replace(
        series,
        y=[claim.value for claim in own],
        low=[None if claim.interval is None else claim.interval.low for claim in own],
        high=[None if claim.interval is None else claim.interval.high for claim in own],
        labels=["" if claim.no_interval is None else f"no interval: {claim.no_interval}" for claim in own],
    )
