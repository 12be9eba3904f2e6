"""Mark rows with results of the decision: the ratio to the original's latency, the front, and broken constraints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..results.decision import ParetoMember
from ..results.latency import Ratio
from ..results.schema import Original, Results, Row
from .view import RowView, Value

TOGETHER = "timed in the same rounds"
KEPT = "as the study compares latencies"
DIVIDED = "medians divided"


def with_marks(rows: Sequence[RowView], results: Results) -> list[RowView]:
    """The rows of one study, in the same order, with the marks of its decision."""
    originals = [row for row in rows if row.kind == "original"]
    members = _members(results)
    marked = []
    for row in rows:
        member = next((m for identity, m in members if row.kind != "original" and has(row, identity)), None)
        ratio = ratio_to_original(row, member, originals)
        values = row.values if ratio.value is None else {**row.values, "ratio": ratio}
        if member is None or not holds_front(results):
            marked.append(replace(row, values=values))
        else:
            marked.append(replace(row, values=values, breaks=tuple(member.breaks), on_front=member.on_front))
    return marked


def ratio_to_original(row: RowView, member: ParetoMember | None, originals: Sequence[RowView]) -> Value:
    """A row's latency divided by the original's; the note says where the ratio comes from."""
    if row.kind == "original":
        return Value(1.0 if row.value("model_p50").value else None)
    is_arm = row.kind == "mean" or (member is not None and member.latency_p50_s == row.value("model_p50").value)
    if is_arm and member is not None and member.latency_ratio is not None:
        ends = member.latency_ratio.interval
        low, high = (None, None) if ends is None else (ends.low, ends.high)
        return Value(member.latency_ratio.value, low, high, TOGETHER if _kept(row) is not None else KEPT)
    if row.kind == "model" and (kept := _kept(row)) is not None:
        return Value(kept.value, kept.low, kept.high, TOGETHER)
    own = [o for o in originals if (o.key.deployment, o.key.weights) == (row.key.deployment, row.key.weights)]
    median, before = row.value("model_p50").value, own[0].value("model_p50").value if own else None
    return Value() if median is None or not before else Value(median / before, note=DIVIDED)


def _kept(row: RowView) -> Ratio | None:
    """The ratio measured in rounds with the original, for an arm that of its first seed; None if there is none."""
    latency = row.record.latency
    return None if latency is None or latency.model is None else latency.model.ratio_to_original


def holds_front(results: Results) -> bool:
    """Whether a study's front has only arms that meet its constraints, unlike the front in older files."""
    return results.recommendation is not None and results.recommendation.indifference is not None


def has(row: RowView, identity: Mapping[str, Any]) -> bool:
    """Whether a row belongs to the arm with this identity."""
    if not isinstance(row.record, Row | Original):
        return False
    return bool(identity) and all(getattr(row.record, name, None) == value for name, value in identity.items())


def _members(results: Results) -> list[tuple[Mapping[str, Any], ParetoMember]]:
    """The arms considered for the front, with their identities; older files have only their names."""
    if results.recommendation is None:
        return []
    arms = results.statistics.arms if results.statistics is not None else []
    named = {arm.name: arm.identity for arm in arms}
    return [(member.identity or named.get(member.name, {}), member) for member in results.recommendation.pareto]
