"""RAPL: the processor packages' energy counters, where the kernel lets this user read them."""

from __future__ import annotations

from pathlib import Path

from ...errors import MeasurementError
from .source import Folder

PACKAGES = "sys/class/powercap/intel-rapl:[0-9]*"  # AMD's packages too; the parts of a package have a second colon


class RaplCounter:
    """Energy of all processor packages, without memory and the rest of the machine."""

    method = "RAPL energy counters of the processor packages"

    def __init__(self, root: Path = Path("/")) -> None:
        self._folder = Folder(root)
        self._packages = [p for p in self._folder.glob(PACKAGES) if p.name.count(":") == 1]
        self._last: dict[Path, int] = {}
        self._joules = 0.0

    def why_not(self) -> str | None:
        """Why this user cannot read RAPL counters on this machine; None if they are readable."""
        if not self._packages:
            return "the kernel shows no RAPL counter"
        if all(self._folder.number(p / "energy_uj") is not None for p in self._packages):
            return None
        return "RAPL counters are there but not readable: " + ", ".join(
            f"{path}: {reason}" for path, reason in self._folder.unreadable.items()
        )

    def joules(self) -> float:
        """Joules since the first call. The counters wrap every few minutes, so call this more often than that.

        Raises MeasurementError for a counter that can no longer be read or goes backwards.
        """
        for package in self._packages:
            now = self._folder.number(package / "energy_uj")
            if now is None:
                raise MeasurementError(f"{package}/energy_uj can no longer be read; the energy of this run is lost.")
            moved = now - self._last.get(package, now)
            if moved < 0:  # wrapped once; with an unknown range this counts as going backwards
                moved += self._folder.number(package / "max_energy_range_uj") or 0
            if moved < 0:
                raise MeasurementError(f"{package}/energy_uj went backwards; the energy of this run is lost.")
            self._joules += moved * 1e-6
            self._last[package] = now
        return self._joules
