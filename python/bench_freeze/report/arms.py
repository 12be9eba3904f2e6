"""Add a study's statistics to its rows: intervals of the accuracies, and means over seeds as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..results.schema import Results, Row
from ..results.study_statistics import ArmStatistics, Claim
from .columns import NUMBERS
from .view import RowView, Value, worse

HEADINGS = {column.key: column.heading for column in NUMBERS}


def with_statistics(rows: Sequence[RowView], results: Results) -> list[RowView]:
    """A study's rows with the intervals of their arms; the mean of an arm with several seeds is a row before its seeds.

    An arm's interval belongs to its mean over seeds, so its single seeds have none.
    """
    if results.statistics is None:
        return list(rows)
    found: list[RowView] = [row for row in rows if row.kind == "original"]
    left = [row for row in rows if row.kind != "original"]
    for arm in results.statistics.arms:
        own = [row for row in left if _is_of(row, arm)]
        if not own:
            continue
        values = {key: _value(figure) for key, figure in _figures(arm).items()}
        if len(own) == 1:
            found.append(replace(own[0], values={**own[0].values, **values}))
        else:
            found += [_mean(own, arm, values), *own]
        left = [row for row in left if row not in own]
    return found + left


def picked(rows: Sequence[RowView], results: Results) -> list[RowView]:
    """The recommended rows: the mean of the picked arm where there is one, otherwise its row."""
    found = results.recommendation
    if found is None or found.pick is None:
        return []
    own = [row for row in rows if row.kind != "original" and _has(row, found.identity)]
    return [row for row in own if row.kind == "mean"] or own


def _mean(own: Sequence[RowView], arm: ArmStatistics, values: Mapping[str, Value]) -> RowView:
    """The arm as a row; its record is the first seed's, for everything that the seeds have in common."""
    reach = arm.latency_interval_s
    low, high = (None, None) if reach is None else (reach.low, reach.high)
    cost = {"model_p50": Value(arm.latency_p50_s, low, high, note="median over seeds"), "size": Value(float(arm.bytes))}
    if arm.latency_p50_s is None:
        del cost["model_p50"]
    return replace(
        own[0],
        kind="mean",
        key=own[0].key.without("seed"),
        identity={**own[0].identity, "seed": f"mean of {len(own)}"},
        values={**values, **cost},
        verdict=worse([row.verdict for row in own]),
        reasons=tuple(f"seed {row.identity['seed']}, {reason}" for row in own for reason in row.reasons),
    )


def _figures(arm: ArmStatistics) -> dict[str, Claim]:
    figures = {
        "target_map50": arm.target_map50,
        "target_map": arm.target,
        "target_test": arm.target_test,
        "base_map": arm.base,
        "change": arm.base_change,
        "merged_base": arm.base_merged,
    }
    return {key: figure for key, figure in figures.items() if figure is not None}


def no_intervals(results: Results) -> list[str]:
    """The numbers of a study that have no interval although its images were resampled: one sentence per reason."""
    found: dict[str, dict[str, None]] = {}
    for arm in results.statistics.arms if results.statistics is not None else ():
        for key, figure in _figures(arm).items():
            if figure.no_interval is not None:
                found.setdefault(figure.no_interval, {})[HEADINGS[key]] = None
    return [f"No interval of {', '.join(headings)}: {reason}." for reason, headings in found.items()]


def _value(figure: Claim) -> Value:
    if figure.no_interval is not None:
        return Value(figure.value, note=f"no interval: {figure.no_interval}")
    if figure.interval is None:
        return Value(figure.value)
    note = f"covers other {figure.covers}"
    if figure.bias_corrected is not None:
        note += f"; for sets of this many images. Corrected for the bias of few images: {figure.bias_corrected:.4f}"
    return Value(figure.value, figure.interval.low, figure.interval.high, note)


def _is_of(row: RowView, arm: ArmStatistics) -> bool:
    return isinstance(row.record, Row) and row.record.seed in arm.seeds and _has(row, arm.identity)


def _has(row: RowView, identity: Mapping[str, object]) -> bool:
    return all(getattr(row.record, name, None) == value for name, value in identity.items())
