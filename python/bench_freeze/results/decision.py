"""The schema of a study's decision: the answers under the user's constraints, and their reliability.

All choices use the numbers of the selection split. Values are AP as fractions; latencies are seconds per batch of the
engine alone. Intervals are 95 % confidence intervals.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from .quantities import Count, Fraction, Number, Seconds
from .study_statistics import Claim, Interval

Kind = Literal["most accurate", "cheapest within the indifference"]
Grade = Literal["strong", "moderate", "weak"]
Source = Literal["test split", "bias-corrected", "as measured"]


class Ratio(Struct, frozen=True, kw_only=True):
    """The ratio of two latencies: 1.4 takes 1.4 times as long."""

    value: Number
    interval: Annotated[Interval | None, Meta(description="null if either latency has no bounds")] = None


class Quoted(Struct, frozen=True, kw_only=True):
    """The expected target mAP of a chosen arm, without the optimism of choosing the highest of many."""

    value: Number
    interval: Interval | None
    source: Annotated[
        Source,
        Meta(
            description="test split: played no part in the choice; bias-corrected: measured minus optimism; as "
            "measured: the optimism is not known"
        ),
    ]
    measured: Annotated[Number, Meta(description="on the selection split, mean over seeds")]
    optimism: Annotated[
        Number | None,
        Meta(
            description="mean excess of the chosen arm's measured value over its true value, over resamples that each "
            "repeat the choice; null if nothing can be resampled"
        ),
    ] = None
    covers: Annotated[str, Meta(description="images and trainings, images, trainings, or nothing")] = "nothing"
    no_interval: Annotated[str | None, Meta(description="why there is no interval; null where there is one")] = None


class Trade(Struct, frozen=True, kw_only=True):
    """Gain and cost of an arm compared with another; differences are this minus the other, ratios this over the
    other."""

    other: str
    target: Number
    target_interval: Annotated[Interval | None, Meta(description="paired over images and seeds; null without")]
    base: Annotated[Number | None, Meta(description="base mAP change; null if either has none")]
    latency_ratio: Ratio | None
    bytes: Annotated[int, Meta(description="size of the deployed file, this minus the other")]
    sentence: str


class Answer(Struct, frozen=True, kw_only=True):
    """An arm that answers one of the two questions."""

    kind: Kind
    name: str
    identity: dict[str, Any]
    target: Quoted
    base_change: Claim | None
    isolated: Annotated[bool, Meta(description="the base head reads only frozen layers, so it cannot have changed")]
    latency_p50_s: Seconds | None
    latency_interval_s: Interval | None
    latency_ratio: Annotated[Ratio | None, Meta(description="to the original model's latency, same engine")]
    bytes: Count
    support: Annotated[
        Fraction | None, Meta(description="share of resamples that give the same answer to this question")
    ]
    over_head_only: Annotated[
        Trade | None,
        Meta(description="compared with the same model with only its head trained; null if not in the study"),
    ] = None
    against_other: Annotated[Trade | None, Meta(description="compared with the other answer; null if they agree")] = (
        None
    )


class ParetoMember(Struct, frozen=True, kw_only=True):
    """An arm in the computation of the Pareto front: target mAP, base mAP and latency (file size without latencies).

    Older files list only the front, which could contain arms that break a constraint.
    """

    name: str
    target: Claim
    base_change: Claim | None
    latency_p50_s: Seconds | None
    latency_interval_s: Interval | None = None
    tied_with_pick: Annotated[
        bool | None,
        Meta(description="the interval of the target difference to the pick contains 0; null if there is no interval"),
    ]
    identity: dict[str, Any] = {}
    on_front: Annotated[
        bool, Meta(description="meets the constraints, and no other arm that meets them is better in all respects")
    ] = True
    breaks: Annotated[
        list[str], Meta(description="constraints that it breaks, as sentences; if any, it is never on the front")
    ] = []
    within_indifference: Annotated[
        bool | None,
        Meta(
            description="shown to be at most the indifference below the most accurate; null if it breaks a constraint"
        ),
    ] = None
    loss: Annotated[Number | None, Meta(description="target mAP of the most accurate minus this one's")] = None
    loss_interval: Annotated[Interval | None, Meta(description="paired; the upper end decides")] = None
    latency_ratio: Annotated[Ratio | None, Meta(description="to the original model's latency, same engine")] = None
    bytes: Annotated[Count | None, Meta(description="of the deployed file; null in older files")] = None
    support: Annotated[Fraction | None, Meta(description="share of resamples in which this arm is the pick")] = None


class Recommendation(Struct, frozen=True, kw_only=True):
    """The decision: an arm under the user's constraints, chosen by the numbers of the selection split.

    `pick` is the cheapest arm that is shown to be within the indifference of the most accurate one, or else the most
    accurate one.
    """

    pick: str | None
    identity: dict[str, Any]
    reason: str
    ties: Annotated[list[str], Meta(description="arms whose target mAP cannot be distinguished from the pick's")]
    pareto: Annotated[list[ParetoMember], Meta(description="every arm with a base head; older files: the front only")]
    selected_on: Annotated[str, Meta(description="split that the choice was made on")]
    final: Annotated[Claim | None, Meta(description="target mAP of the pick on the test split; null without one")]
    constraints: dict[str, Number | None]
    notes: list[str] = []
    indifference: Annotated[
        Number | None, Meta(description="tolerated loss of target mAP of a cheaper arm; null in older files")
    ] = None
    answers: Annotated[
        list[Answer],
        Meta(description="the most accurate, then the cheapest within the indifference if it is a different one"),
    ] = []
    quoted: Annotated[Quoted | None, Meta(description="expected target mAP of the pick")] = None
    support: Annotated[
        Fraction | None, Meta(description="share of joint resamples over images and seeds that give the same pick")
    ] = None
    grade: Annotated[
        Grade | None,
        Meta(description="strength of the evidence, by the rules in docs/explanation/decision.md; null without a pick"),
    ] = None
    grade_reasons: Annotated[list[str], Meta(description="reasons of the grade, as sentences, weakest first")] = []
    next_steps: Annotated[list[str], Meta(description="what would strengthen the evidence, as sentences")] = []
