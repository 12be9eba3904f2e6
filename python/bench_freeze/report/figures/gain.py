"""What pre-training gains over random weights, by share of the training images and by IoU."""

from __future__ import annotations

from collections.abc import Iterator

from ...results.study_statistics import AtIou, Claim, Gain, GainOverScratch
from ..gain_text import AP75, highest, iou_lines, share_in_words, trend_lines
from ..view import View
from .figure import Axis, Figure, Series, shown_first

NOTES = (
    "Against a training from random weights with the same images and seeds, and with the same epochs unless "
    "--scratch-epochs was given; intervals of paired differences."
)


def figures_of_gain(view: View) -> list[Figure]:
    """Both plots for a study with scratch arms; the plot over the data needs more than one share."""
    found = (_by_data(view), _by_iou(view))
    return [figure for figure in found if figure is not None]


def _found(view: View) -> Iterator[tuple[str, GainOverScratch]]:
    for study in view.studies:
        if study.results.statistics is not None and study.results.statistics.gain is not None:
            yield study.name, study.results.statistics.gain


def _lines(view: View) -> Iterator[tuple[str, list[Gain]]]:
    """The gains of every training, from the smallest share of the images to the largest."""
    for source, found in _found(view):
        gains = found.gains
        for name in dict.fromkeys(gain.name for gain in gains):
            own = sorted((gain for gain in gains if gain.name == name), key=lambda gain: gain.data_fraction)
            yield (name if len(view.studies) == 1 else f"{source}: {name}"), own


def _by_data(view: View) -> Figure | None:
    lines = [(name, own) for name, own in _lines(view) if len(own) > 1]
    series = []
    for position, (name, own) in enumerate(lines):
        for number, points in (("mAP50", [g.map50 for g in own]), ("AP75", [g.by_iou.get(AP75) for g in own])):
            series.append(
                Series(
                    name=f"{name}, {number}",
                    x=[100 * gain.data_fraction for gain in own],
                    y=[None if point is None else point.value for point in points],
                    low=[_end(point, "low") for point in points],
                    high=[_end(point, "high") for point in points],
                    labels=[share_in_words(gain) for gain in own],
                    mark="line and points",
                    group=name,
                    symbol=position,
                    dashed=number == "AP75",
                    first=shown_first(position, len(lines), 4),
                )
            )
    if not series:
        return None
    return Figure(
        key="gain-data",
        title="Gain over scratch by training data",
        says=" ".join(line for _, found in _found(view) for line in trend_lines(found.trends)),
        x=Axis("share of the training images, %", from_zero=True),
        y=Axis("AP minus scratch", from_zero=True),
        series=series,
        choose=len(series) > 4,
        notes=f"{NOTES} Solid: mAP50; dashed: AP at IoU 0.75.",
    )


def _by_iou(view: View) -> Figure | None:
    every = [(name, gain) for name, own in _lines(view) for gain in own]
    series = [
        Series(
            name=f"{name}, {share_in_words(gain)}",
            x=[float(iou) for iou in gain.by_iou],
            y=[at.value for at in gain.by_iou.values()],
            low=[_end(at, "low") for at in gain.by_iou.values()],
            high=[_end(at, "high") for at in gain.by_iou.values()],
            labels=["largest" if iou == highest(gain) else "" for iou in gain.by_iou],
            mark="line and points",
            symbol=position,
            first=shown_first(position, len(every)),
        )
        for position, (name, gain) in enumerate(every)
        if gain.by_iou
    ]
    if not series:
        return None
    return Figure(
        key="gain-iou",
        title="Gain over scratch by IoU",
        says=" ".join(
            [f"{len(series)} curves.", *(line for _, found in _found(view) for line in iou_lines(found.gains))]
        ),
        x=Axis("IoU threshold"),
        y=Axis("AP minus scratch", from_zero=True),
        series=series,
        choose=len(series) > 1,
        notes=NOTES,
    )


def _end(number: Claim | AtIou | None, name: str) -> float | None:
    return None if number is None or number.interval is None else float(getattr(number.interval, name))
