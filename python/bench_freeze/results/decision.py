"""The schema of a study's decision: the answers under the user's constraints, and how far each can be trusted.

Everything is chosen by the numbers of the selection split. Values are fractions of AP, latencies seconds of one batch
through the engine alone, with 95 % confidence intervals.
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
    """A latency over another one: 1.4 takes 1.4 times as long."""

    value: Number
    interval: Annotated[Interval | None, Meta(description="null where either latency has no bounds")] = None


class Quoted(Struct, frozen=True, kw_only=True):
    """The target mAP to expect of an arm that was chosen: without what choosing the highest of many adds to it."""

    value: Number
    interval: Interval | None
    source: Annotated[
        Source,
        Meta(
            description="test split: played no part in the choice; bias-corrected: measured minus optimism; as "
            "measured: what the choice adds is not known"
        ),
    ]
    measured: Annotated[Number, Meta(description="on the selection split, mean over seeds")]
    optimism: Annotated[
        Number | None,
        Meta(
            description="what the chosen arm's measured value exceeds its true one by, on average over resamples in "
            "each of which the choice was made again; null where nothing can be resampled"
        ),
    ] = None
    covers: Annotated[str, Meta(description="images and trainings, images, trainings, or nothing")] = "nothing"
    no_interval: Annotated[str | None, Meta(description="why there is no interval; null where there is one")] = None


class Trade(Struct, frozen=True, kw_only=True):
    """What an arm gives and costs against another one; every number is this arm's minus the other's, or over it."""

    other: str
    target: Number
    target_interval: Annotated[Interval | None, Meta(description="paired over images and seeds; null without")]
    base: Annotated[Number | None, Meta(description="base mAP change; null where either has none")]
    latency_ratio: Ratio | None
    bytes: Annotated[int, Meta(description="of the deployed file, this one's minus the other's")]
    sentence: str


class Answer(Struct, frozen=True, kw_only=True):
    """An arm that answers one of the two questions."""

    kind: Kind
    name: str
    identity: dict[str, Any]
    target: Quoted
    base_change: Claim | None
    isolated: Annotated[bool, Meta(description="the base head reads frozen layers only: it cannot have changed")]
    latency_p50_s: Seconds | None
    latency_interval_s: Interval | None
    latency_ratio: Annotated[Ratio | None, Meta(description="to the original model's latency, same engine")]
    bytes: Count
    support: Annotated[Fraction | None, Meta(description="share of resamples that give this answer to this question")]
    over_head_only: Annotated[
        Trade | None, Meta(description="against the same model with only its head trained; null where not in the study")
    ] = None
    against_other: Annotated[Trade | None, Meta(description="against the other answer; null where they agree")] = None


class ParetoMember(Struct, frozen=True, kw_only=True):
    """An arm in the one computation of the front: target mAP, base mAP and latency (file size without latencies).

    Older files list only the front, by a rule in which arms that break a constraint could be on it.
    """

    name: str
    target: Claim
    base_change: Claim | None
    latency_p50_s: Seconds | None
    latency_interval_s: Interval | None = None
    tied_with_pick: Annotated[
        bool | None,
        Meta(
            description="interval of the target difference to the pick has 0 in it; null where the images say nothing"
        ),
    ]
    identity: dict[str, Any] = {}
    on_front: Annotated[bool, Meta(description="keeps to the constraints, and no arm that does is better")] = True
    breaks: Annotated[list[str], Meta(description="constraints that it breaks, as sentences; such is never on it")] = []
    within_indifference: Annotated[
        bool | None,
        Meta(description="shown to be at most the indifference below the most accurate; null where it breaks one"),
    ] = None
    loss: Annotated[Number | None, Meta(description="target mAP of the most accurate minus this one's")] = None
    loss_interval: Annotated[Interval | None, Meta(description="paired; its upper end decides")] = None
    latency_ratio: Annotated[Ratio | None, Meta(description="to the original model's latency, same engine")] = None
    bytes: Annotated[Count | None, Meta(description="of the deployed file; null in older files")] = None
    support: Annotated[Fraction | None, Meta(description="share of resamples in which this arm is the pick")] = None


class Recommendation(Struct, frozen=True, kw_only=True):
    """The decision: an arm under the user's constraints, chosen by the numbers of the selection split.

    `pick` is the cheapest arm that is shown to be within the indifference of the most accurate, else that one itself.
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
        Number | None, Meta(description="loss of target mAP that a cheaper arm may have; null in older files")
    ] = None
    answers: Annotated[
        list[Answer], Meta(description="the most accurate, then the cheapest within the indifference if it is another")
    ] = []
    quoted: Annotated[Quoted | None, Meta(description="target mAP to expect of the pick")] = None
    support: Annotated[
        Fraction | None, Meta(description="share of joint resamples over images and seeds in which the pick is picked")
    ] = None
    grade: Annotated[Grade | None, Meta(description="of the evidence, by the rules in docs; null without a pick")] = (
        None
    )
    grade_reasons: Annotated[list[str], Meta(description="what the grade rests on, in sentences, weakest first")] = []
    next_steps: Annotated[list[str], Meta(description="what would make it surer, in sentences")] = []
