"""Answers of a transfer to the five questions of arXiv 1904.05871, for the page, the terminal and the file."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from .estimated import Estimated
from .quantities import Fraction

AnswerVerdict = Literal["shown by these data", "the opposite is shown by these data", "not shown by these data"]


class AnswerFigure(Struct, frozen=True, kw_only=True):
    """A number that bears on a question: detector minus classifier, or as `what` says."""

    what: str
    detector: str
    classifier: str
    difference: Estimated
    p: Annotated[Fraction | None, Meta(description="with the adjustment of the comparison it comes from")]
    verdict: AnswerVerdict


class Answer(Struct, frozen=True, kw_only=True):
    """One of the five questions of arXiv 1904.05871, and its answer from these data."""

    question: str
    published: Annotated[str, Meta(description="what the paper found, on its own data")]
    figures: list[AnswerFigure]
    not_measured: Annotated[str | None, Meta(description="why there is no number, and what would measure it")] = None
