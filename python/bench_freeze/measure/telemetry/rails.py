"""Power rails of a Jetson, and the power of its module: the input rail where there is one, otherwise a named sum."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

UNCONNECTED = "NC"  # a monitor's channel that is not connected

# Rails at the module's input, which carry everything the module draws. VIN is Thor's, POM_5V_IN the Nano's.
TOTAL_RAILS = ("VDD_IN", "VIN", "POM_5V_IN")

# Boards without an input rail: each set holds one board's parallel rails, whose sum stands for the module. A set is
# used only if all its rails are present.
SUMMED_RAILS = (
    ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"),  # AGX Orin
    ("VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0"),  # AGX Thor on releases without VIN
    ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"),  # AGX Xavier
)


@dataclass(frozen=True)
class Rail:
    """One rail in milliwatts: now, the running average and the peak of the source; None where it has none."""

    name: str
    now_mw: int
    average_mw: int | None = None
    peak_mw: int | None = None


@dataclass(frozen=True)
class Power:
    """A power in milliwatts and how it was obtained."""

    now_mw: int
    method: str


def module_power(rails: Iterable[Rail]) -> Power | None:
    """The module's power now; None where the rails match no known board.

    A sum of rails is less than what the module draws: in recorded lines of a Thor with both, the three rails sum to
    86 % of VIN under load and 63 % at rest. Rails outside a set are outputs of a rail in it and would count twice.
    """
    by_name = {rail.name: rail.now_mw for rail in rails if rail.name != UNCONNECTED}
    for name in TOTAL_RAILS:
        if name in by_name:
            return Power(by_name[name], f"rail {name}")
    for names in SUMMED_RAILS:
        if all(name in by_name for name in names):
            return Power(
                sum(by_name[name] for name in names), f"sum of the rails {' + '.join(names)}; the module takes more"
            )
    return None
