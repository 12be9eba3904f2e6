"""The change of an accuracy over several trainings, with uncertainty over images and trainings as in a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from ..stats.estimate import Estimate, Spread, over_both, over_seeds
from .accuracy_change import AccuracyChange, Images, Numbers, fall


@dataclass(frozen=True)
class SeedsChange(AccuracyChange):
    """The mean change over the common seeds. `se` is over images; `over` covers both sources of chance."""

    over: Estimate = Estimate(0.0, ())

    def p_value(self) -> float:
        """As in `Change`, with both sources of chance."""
        if not self.is_defined or self.silence is not None:
            return 1.0
        beyond = self.over.p_value() / 2
        return beyond if self.worse >= 0 else 1 - beyond

    def bounds(self, tail: float) -> tuple[float, float]:
        """As in `Change`, with both sources of chance."""
        return self.over.interval(1 - 2 * tail)

    def to_decide(self, allowed: float, tail: float) -> str:
        """Suggests more images if they contribute most of the uncertainty, else more trainings."""
        images, seeds = self.over.spreads
        if seeds.standard_error > images.standard_error:
            seeds_there = int(seeds.degrees) + 1
            return f"more than these {seeds_there} seeds in both runs would decide it: trainings vary more than images"
        return super().to_decide(allowed, tail)


def change_over_seeds(sides: Sequence[tuple[Numbers, Numbers]], over: Images, *, is_rise: bool) -> SeedsChange:
    """Build the change from (reference, current) numbers of two or more seeds, all drawn on the same images."""
    sign = 1.0 if is_rise else -1.0
    reference, current = (
        (float(np.mean([pair[k][0] for pair in sides])), np.mean([pair[k][1] for pair in sides], axis=0))
        for k in range(2)
    )
    of_images = fall((sign * -reference[0], sign * -reference[1]), (sign * -current[0], sign * -current[1]), over)
    seeds = over_seeds([sign * (new[0] - old[0]) for old, new in sides])
    both = over_both(seeds, Estimate(seeds.value, (Spread(of_images.se, of_images.df),)))
    values = {field.name: getattr(of_images, field.name) for field in fields(of_images)}
    values |= {"reference": reference[0], "current": current[0], "images": over.count}
    return SeedsChange(**values, over=Estimate(both.value, both.spreads[::-1]))
