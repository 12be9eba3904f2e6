"""The user's constraints on the recommendation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..results.study_statistics import ArmStatistics

INDIFFERENCE = 0.01  # for studies that are older than the flag


@dataclass(frozen=True)
class Constraints:
    """The constraints, None where the user set none, and the tolerated loss of target mAP."""

    max_latency_ms: float | None
    max_base_drop: float | None
    min_target_map: float | None
    widest_margin: float  # the base drop that is allowed when none was named
    indifference: float

    @property
    def base_drop(self) -> float:
        """The base drop in effect."""
        return self.widest_margin if self.max_base_drop is None else self.max_base_drop

    def lose_too_much(self, base_change: float) -> bool:
        """Whether a change of base mAP exceeds the allowed loss."""
        return -base_change > self.base_drop

    def too_low(self, target_map: float) -> bool:
        """Whether a target mAP is below the required one."""
        return self.min_target_map is not None and target_map < self.min_target_map

    def too_slow(self, latency_s: float | None) -> bool:
        """Whether a latency exceeds the limit; one that was not measured does."""
        return self.max_latency_ms is not None and (math.inf if latency_s is None else latency_s * 1e3) > (
            self.max_latency_ms
        )

    def broken_by(self, arm: ArmStatistics, has_base: bool) -> list[str]:
        """A sentence for each constraint that an arm's values break. `has_base`: some arm has a base mAP."""
        found = []
        if arm.base_change is None:
            if has_base or self.max_base_drop is not None:
                found.append("It has no base mAP, so its loss on the base task is not known.")
        elif self.lose_too_much(arm.base_change.value):
            found.append(f"It loses {-arm.base_change.value:.4f} of base mAP; at most {self.base_drop:g} is allowed.")
        if self.too_slow(arm.latency_p50_s):
            took = (
                "Its latency was not measured"
                if arm.latency_p50_s is None
                else f"It takes {arm.latency_p50_s * 1e3:.2f} ms"
            )
            found.append(f"{took}; at most {self.max_latency_ms:g} ms are allowed.")
        if self.too_low(arm.target.value):
            found.append(f"Its target mAP is {arm.target.value:.4f}; at least {self.min_target_map:g} is required.")
        return found

    def in_words(self, has_base: bool) -> str:
        """What follows "arms that"; empty where nothing is required."""
        parts = []
        if has_base or self.max_base_drop is not None:
            widest = " (the widest margin; --max-base-drop sets another)" if self.max_base_drop is None else ""
            parts.append(f"lose at most {self.base_drop:g} of base mAP{widest}")
        if self.max_latency_ms is not None:
            parts.append(f"take at most {self.max_latency_ms:g} ms")
        if self.min_target_map is not None:
            parts.append(f"reach a target mAP of {self.min_target_map:g}")
        return ", and ".join(parts)

    def stated(self) -> dict[str, float | None]:
        """The constraints as kept in results."""
        return {
            "max_latency_ms": self.max_latency_ms,
            "max_base_drop": self.base_drop,
            "min_target_map": self.min_target_map,
        }


def constraints_of(study: Mapping[str, Any], margins: Sequence[float]) -> Constraints:
    """The constraints of a study, from its fields."""
    return Constraints(
        max_latency_ms=study.get("max_latency_ms"),
        max_base_drop=study.get("max_base_drop"),
        min_target_map=study.get("min_target_map"),
        widest_margin=max(margins, default=0.0),
        indifference=float(study.get("indifference", INDIFFERENCE)),
    )
