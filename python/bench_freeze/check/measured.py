"""A measured change on its way to a finding: with its limit, waiting for the p-values of all others."""

from __future__ import annotations

from dataclasses import dataclass

from .change import Change
from .finding import Finding
from .limit import Limit
from .side_by_side import SideBySide


@dataclass(frozen=True)
class Test:
    """A finding in the making: a measured change that waits for the p-values of all others."""

    finding: Finding
    change: Change | SideBySide
    limit: Limit

    @property
    def allowed(self) -> float:
        """The limit in the units of the change: a share for a ratio."""
        if self.change.is_ratio:
            return self.limit.share(self.change.reference)
        return self.limit.absolute(self.change.reference)
