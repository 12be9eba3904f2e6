"""The conclusions and limits of a study as lines, identical for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.decision import Recommendation
from ..results.schema import Results
from ..results.study_statistics import ArmStatistics, Claim, Comparison, Equivalence, Statistics
from ..text.markdown import markdown
from .gain_text import gain_lines
from .protocol_text import compared_lines
from .race_text import race_lines

ALPHA = 0.05
MOST_NAMED = 30  # pairs of trainings in a sentence: 8 trainings make 28


def conclusion_lines(results: Results) -> list[str]:
    """One or two sentences per line, the recommendation first and a race last; empty where the study has neither."""
    lines: list[str] = []
    if results.recommendation is not None:
        lines += recommendation_lines(results.recommendation)
    if results.statistics is not None:
        lines += statistics_lines(results.statistics)
    return lines + race_lines(results.race)


def statistics_lines(statistics: Statistics) -> list[str]:
    """The arms that were distinguished and those that were not, and the limits."""
    lines = [*_forgetting(statistics), *_target(statistics)]
    lines += gain_lines(statistics.gain) if statistics.gain is not None else []
    lines += compared_lines(statistics.protocols) if statistics.protocols is not None else []
    lines += [*_joint_limit(statistics.arms), *_shared_classes(statistics.arms)]
    return lines + [f"Limit: {limit}" for limit in statistics.limits]


def markdown_conclusions(results: Results) -> str:
    """The same lines as a Markdown list."""
    return "\n".join(f"- {markdown(line)}" for line in conclusion_lines(results))


def recommendation_lines(found: Recommendation) -> list[str]:
    """The pick with its reason, ties, the check of the choice, and notes."""
    lines = [f"Pick: {found.pick or 'none'}. {found.reason}"]
    if found.ties:
        lines.append(f"Tied with the pick in target mAP: {', '.join(found.ties)}.")
    if found.pick is not None:
        if found.final is not None:
            lines.append(f"Chosen on {found.selected_on}; final target mAP on test: {_number(found.final)}.")
        else:
            lines.append(f"Chosen on {found.selected_on}, and no other split checks the choice.")
    return lines + found.notes


def _forgetting(statistics: Statistics) -> list[str]:
    """The outcome of each arm at every margin; arms that cannot change base mAP share a line."""
    own = [c for c in statistics.comparisons if c.data == "base" and c.number == "map"]
    identical = [c.b for c in own if c.equivalence and c.equivalence[0].outcome == "identical by construction"]
    lines = []
    if identical:
        lines.append(f"Base mAP identical by construction: {', '.join(identical)}.")
    for comparison in own:
        if comparison.b not in identical:
            outcomes = "" if comparison.difference.no_interval else _outcomes(comparison.equivalence)
            change = _number(comparison.difference, sign=True)
            lines.append(f"Base mAP of {comparison.b}: {change}{'; ' if outcomes else ''}{outcomes}.")
    return lines


def _outcomes(entries: Sequence[Equivalence]) -> str:
    """The margins grouped by outcome, in words; empty without margins."""
    parts = []
    for outcome in ("different", "not shown", "equivalent"):
        own = [entry for entry in entries if entry.outcome == outcome]
        margins = " or ".join(f"{entry.margin:g}" for entry in own)
        if own and outcome == "not shown":
            needed = [f"{entry.images_needed:,}" for entry in own if entry.images_needed is not None]
            about = f" (about {' or '.join(needed)} images could)" if needed else ""
            parts.append(f"within {margins} not shown{about}")
        elif own:
            parts.append(
                f"equivalent within {margins}" if outcome == "equivalent" else f"different, not within {margins}"
            )
    return "; ".join(parts)


def _target(statistics: Statistics) -> list[str]:
    """Which trainings are distinguished: as individual models, and over other trainings."""
    own = [c for c in statistics.comparisons if (c.data, c.between, c.number) == ("target", "trainings", "map")]
    lines = []
    if any(c.p_images_holm is not None for c in own):
        told = [c for c in own if c.p_images_holm is not None and c.p_images_holm <= ALPHA]
        lines.append(
            f"Target mAP of exactly these models, over other images (permutation, Holm over {len(own)}): "
            f"{_told(told, own)}"
        )
    several = [c for c in own if len(c.seeds) > 1 and c.p_holm is not None]
    if several:
        told = [c for c in several if c.p_holm is not None and c.p_holm <= ALPHA]
        lines.append(f"Over other trainings and images (Student's t, Holm over {len(several)}): {_told(told, several)}")
    return lines


def _told(told: Sequence[Comparison], all_pairs: Sequence[Comparison]) -> str:
    pairs = _named([_better_first(c) for c in told])
    are_told = {(c.a, c.b) for c in told}
    rest = [f"{c.a} and {c.b}" for c in all_pairs if (c.a, c.b) not in are_told]
    if not rest:
        return f"all distinguished: {pairs}."
    return f"{'distinguished: ' + pairs + '; ' if told else ''}not distinguished: {_named(rest)}."


def _named(pairs: Sequence[str]) -> str:
    """All pairs; if there are too many, the first ones and the number of the others."""
    more = len(pairs) - MOST_NAMED
    return ", ".join(pairs) if more <= 0 else f"{', '.join(pairs[:MOST_NAMED])} and {more} more pairs"


def _better_first(comparison: Comparison) -> str:
    names = (comparison.a, comparison.b) if comparison.difference.value < 0 else (comparison.b, comparison.a)
    return f"{names[0]} over {names[1]} {abs(comparison.difference.value):+.4f}"


def _joint_limit(arms: Sequence[ArmStatistics]) -> list[str]:
    found = [arm.joint_limit.value for arm in arms if arm.joint_limit is not None]
    if not found:
        return []
    return [
        "Sharing one detection limit with the target head changes base mAP by "
        f"{_span(found)} (merged output minus the base head alone)."
    ]


def _shared_classes(arms: Sequence[ArmStatistics]) -> list[str]:
    own = [arm for arm in arms if "shared" in arm.class_groups and not arm.isolated]
    any_arm = next((arm for arm in arms if "shared" in arm.class_groups), None)
    if any_arm is None:
        return []
    names = ", ".join(any_arm.class_groups["shared"].classes)
    limits: list[list[float]] = []
    for key in ("shared", "rest"):
        groups = [arm.class_groups[key] for arm in arms if key in arm.class_groups]
        limits.append([group.joint_limit.value for group in groups if group.joint_limit is not None])
    lines = []
    if all(limits):
        lines.append(
            f"Of that, classes that both heads know ({names}): {_span(limits[0])}; the others: {_span(limits[1])}."
        )
    for arm in own:
        shared, rest = arm.class_groups["shared"], arm.class_groups.get("rest")
        others = "" if rest is None else f"; on the others: {_number(rest.change, sign=True)}"
        lines.append(f"Base mAP of {arm.name} on {names}: {_number(shared.change, sign=True)}{others}.")
    return lines


def _number(figure: Claim, sign: bool = False) -> str:
    text = f"{figure.value:+.4f}" if sign else f"{figure.value:.4f}"
    if figure.no_interval is not None:
        return f"{text} (no interval: {figure.no_interval})"
    if figure.interval is None:
        return text
    corrected = (
        "" if figure.bias_corrected is None else f"; {figure.bias_corrected:.4f} corrected for the bias of few images"
    )
    ends = (f"{end:+.4f}" if sign else f"{end:.4f}" for end in (figure.interval.low, figure.interval.high))
    return f"{text} [{', '.join(ends)}]{corrected}"


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:+.4f}" if f"{low:+.4f}" == f"{high:+.4f}" else f"{low:+.4f} to {high:+.4f}"
