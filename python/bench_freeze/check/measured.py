"""A measured change with its limit, before the p-values of all tests are adjusted."""

from __future__ import annotations

from dataclasses import dataclass

from .change import Change
from .finding import Finding
from .limit import Limit
from .side_by_side import SideBySide


@dataclass(frozen=True)
class Test:
    """An unfinished finding: a measured change before the p-values of all tests are adjusted."""

    finding: Finding
    change: Change | SideBySide
    limit: Limit

    @property
    def allowed(self) -> float:
        """The limit in the units of the change: a share for a ratio."""
        if self.change.is_ratio:
            return self.limit.share(self.change.reference)
        return self.limit.absolute(self.change.reference)
