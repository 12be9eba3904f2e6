"""The gain over scratch in words and as a table: is it largest at high IoU, and how does it shrink with more data?"""

from __future__ import annotations

from collections.abc import Sequence

from ..results.study_statistics import AtIou, Claim, Gain, GainOverScratch, GainTrend, Interval
from ..text.aligned import aligned
from ..text.markdown import markdown_cell

HEADINGS = ("data", "training", "gain of mAP50", "gain of AP75", "AP75 minus AP50", "largest at IoU")
AP75 = "0.75"
_NUMBERS = (2, 3, 4)  # right-aligned columns


def gain_lines(gain: GainOverScratch) -> list[str]:
    """The two questions with their answers."""
    return [*iou_lines(gain.gains), *trend_lines(gain.trends)]


def plain_gain(gain: GainOverScratch) -> list[str]:
    """The table as aligned lines, its title first."""
    rows = [list(HEADINGS), *map(_cells, gain.gains)]
    words = [k for k in range(len(HEADINGS)) if k not in _NUMBERS]
    return ["Gain over scratch (the same images, random weights, epochs as in the command):", *aligned(rows, words)]


def markdown_gain(gain: GainOverScratch) -> str:
    """The table as Markdown, with checkpoint names escaped."""
    rule = ("---:" if k in _NUMBERS else "---" for k in range(len(HEADINGS)))
    every = map(_cells, gain.gains)
    rows = ([share, markdown_cell(name), *numbers] for share, name, *numbers in every)  # only names are foreign text
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (HEADINGS, rule, *rows))


def highest(found: Gain) -> str | None:
    """The IoU threshold of the largest gain; None where there is no gain anywhere."""
    best = max(found.by_iou.items(), key=lambda item: item[1].value, default=None)
    return None if best is None or best[1].value <= 0 else best[0]


def share_in_words(found: Gain) -> str:
    """The share of the training images, with their number."""
    share = f"{100 * found.data_fraction:g} %"
    return share if found.training_images is None else f"{share} ({found.training_images} images)"


def _cells(found: Gain) -> list[str]:
    at = found.by_iou.get(AP75)
    numbers = [_number(found.map50), "-" if at is None else _number(at)]
    numbers.append("-" if found.high_less_low is None else _number(found.high_less_low))
    return [share_in_words(found), found.name, *numbers, highest(found) or "no gain"]


def iou_lines(gains: Sequence[Gain]) -> list[str]:
    """The number of gains that are higher at IoU 0.75 than at 0.50, as far as their intervals show."""
    compared = [found for found in gains if found.high_less_low is not None]
    if not compared:
        return []
    signs = [_sign(found.high_less_low) for found in compared if found.high_less_low is not None]
    counts = [
        f"{signs.count(sign)} {words}"
        for sign, words in ((1, "higher"), (-1, "lower"), (0, "not distinguished"), (None, "without an interval"))
        if signs.count(sign)
    ]
    peaks = [peak for found in compared if (peak := highest(found)) is not None]
    where = f"; the gain is largest at IoU {min(peaks)}" if peaks else ""
    where += f" to {max(peaks)}" if peaks and min(peaks) != max(peaks) else ""
    return [
        "Does pre-training pay most at high IoU? Its gain over scratch at IoU 0.75 against that at IoU 0.50, of "
        f"{len(compared)} trainings: {', '.join(counts)}{where}."
    ]


def trend_lines(trends: Sequence[GainTrend]) -> list[str]:
    """How the gain of every training changes with the share of the images, a line for each pair of shares."""
    lines = []
    for least, most in dict.fromkeys((trend.least, trend.most) for trend in trends):
        own = [f"{t.name} {_number(t.map50)}, {_outcome(t)}" for t in trends if (t.least, t.most) == (least, most)]
        lines.append(
            f"How does the gain shrink with data? Its mAP50 on {100 * least:g} % of the images minus that on "
            f"{100 * most:g} %: {'; '.join(own)}."
        )
    return lines


def _outcome(trend: GainTrend) -> str:
    sign = _sign(trend.map50)
    if sign is None:
        return f"no interval ({trend.map50.no_interval})"
    return {1: "it shrinks", -1: "it grows", 0: "no change is shown"}[sign]


def _sign(figure: Claim) -> int | None:
    """The sign of a figure whose interval excludes 0, otherwise 0; None where the images give no interval."""
    if figure.no_interval is not None:
        return None
    interval = figure.interval
    return 0 if interval is None else int(interval.low > 0) - int(interval.high < 0)


def _number(found: Claim | AtIou) -> str:
    return f"{found.value:+.4f}{_ends(found.interval)}"


def _ends(interval: Interval | None) -> str:
    return "" if interval is None else f" [{interval.low:+.4f}, {interval.high:+.4f}]"
