"""Target AP by protocol, IoU and object size as tables, and which differences between sources are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..results.study_statistics import AtIou, ByProtocol, ProtocolStatistics, SourceDifference
from ..text.aligned import aligned
from ..text.markdown import markdown_cell

IOUS = ("0.50", "0.70", "0.90")  # in the tables; the page and results.json have all
_HEADINGS = ("protocol", "objects", *(f"IoU {iou}" for iou in IOUS))


def compared_lines(found: ProtocolStatistics) -> list[str]:
    """The number of differences between sources shown at each IoU, by protocol, over objects of all sizes."""
    lines = []
    for protocol in dict.fromkeys(name for pair in found.differences for name in pair.difference):
        parts = []
        for iou in IOUS:
            own = [(pair, at) for pair in found.differences if (at := _of_all(pair, protocol, iou)) is not None]
            shown = [_better(pair, at) for pair, at in own if _is_shown(at)]
            named = f" ({', '.join(shown)})" if shown else ""
            parts.append(f"at IoU {iou} {len(shown)} of {len(own)}{named}")
        lines.append(f"Pre-trainings that differ in target AP by {protocol}: {'; '.join(parts)}.")
    return lines


def plain_protocols(found: ProtocolStatistics) -> list[str]:
    """Both tables as aligned lines, each below its title."""
    lines = []
    for title, first, rows in _tables(found):
        words = [0, 1, 2]
        lines += [f"{title}:", *aligned([[first, *_HEADINGS], *rows], words)]
    return lines


def markdown_protocols(found: ProtocolStatistics) -> str:
    """Both tables as Markdown, with checkpoint names escaped."""
    parts = []
    for title, first, rows in _tables(found):
        rule = ["---"] * 3 + ["---:"] * len(IOUS)
        cells = ([first, *_HEADINGS], rule, *([markdown_cell(name), *rest] for name, *rest in rows))
        parts.append(f"{title}:\n\n" + "\n".join("| " + " | ".join(row) + " |" for row in cells))
    return "\n\n".join(parts)


def difference_name(pair: SourceDifference) -> str:
    """The name of a difference: one training over another."""
    return f"{pair.training} over {pair.over}"


def sizes_in_words(found: ProtocolStatistics) -> str:
    """The number of objects of each size, in words."""
    return ", ".join(f"{size} {count:,}" for size, count in found.objects.items())


def _tables(found: ProtocolStatistics) -> list[tuple[str, str, list[list[str]]]]:
    title = f"Target AP by protocol and object size ({sizes_in_words(found)})"
    tables = [(title, "training", _rows([(each.training, each.ap) for each in found.trainings], sign=False))]
    pairs = [(difference_name(pair), pair.difference) for pair in found.differences]
    if pairs:
        tables.append(("Pre-trainings compared, trained alike", "first over second", _rows(pairs, sign=True)))
    return tables


def _rows(every: Sequence[tuple[str, ByProtocol]], *, sign: bool) -> list[list[str]]:
    return [
        [name, protocol, size, *_cells(by_iou, sign=sign)]
        for name, by_protocol in every
        for protocol, by_size in by_protocol.items()
        for size, by_iou in by_size.items()
    ]


def _cells(by_iou: Mapping[str, AtIou], *, sign: bool) -> list[str]:
    return [_number(by_iou[iou], sign=sign) if iou in by_iou else "-" for iou in IOUS]


def _number(at: AtIou, *, sign: bool) -> str:
    form = "+.4f" if sign else ".4f"
    ends = "" if at.interval is None else f" [{at.interval.low:{form}}, {at.interval.high:{form}}]"
    return f"{at.value:{form}}{ends}"


def _of_all(pair: SourceDifference, protocol: str, iou: str) -> AtIou | None:
    return pair.difference.get(protocol, {}).get("all", {}).get(iou)


def _is_shown(at: AtIou) -> bool:
    return at.interval is not None and (at.interval.low > 0 or at.interval.high < 0)


def _better(pair: SourceDifference, at: AtIou) -> str:
    names = (pair.training, pair.over) if at.value > 0 else (pair.over, pair.training)
    return f"{names[0]} over {names[1]} {abs(at.value):+.4f}"
