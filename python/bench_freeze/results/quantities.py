"""The types of numbers and names in documents, each with its valid range; a value outside is rejected.

The ranges allow for rounding. Numbers stay below 1e15 in magnitude, so that no sum or scaling overflows.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

Count = Annotated[int, Meta(ge=0, le=1 << 53)]  # whole things: boxes, bytes, layers, seeds
Number = Annotated[float, Meta(ge=-1e15, le=1e15)]
Fraction = Annotated[float, Meta(ge=0, le=1 + 1e-9)]  # AP, probabilities, shares
Change = Annotated[float, Meta(ge=-1 - 1e-9, le=1 + 1e-9)]  # of a fraction
Seconds = Annotated[float, Meta(ge=0, le=1e10)]
Device = Annotated[str, Meta(pattern=r"^(cpu|cuda(:[0-9]{1,4})?)(?!\n)$")]
FileName = Annotated[str, Meta(pattern=r"^[^/\x00\n]{1,255}(?!\n)$")]  # beside the document
FileBelow = Annotated[  # a path below the document's folder
    str, Meta(pattern=r"^(?!/)(?!(.*/)?\.\.(/|$))[^\x00\n]{1,4096}(?!\n)$")
]
Verdict = Literal["VALID", "AMBIGUOUS", "INVALID"]


def check_order(low: float | None, high: float | None, what: str) -> None:
    """Raise ValueError if the ends of an interval are reversed; either may be unknown."""
    if low is not None and high is not None and low > high:
        raise ValueError(f"{what} is reversed: {low} to {high}")
