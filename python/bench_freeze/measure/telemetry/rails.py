"""Power rails of a Jetson, and the power of its module: one rail where the board has it, else a sum that is named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

UNCONNECTED = "NC"  # a monitor's channel that nothing is wired to

# A rail at the module's input: everything the module takes passes it. VIN is Thor's, POM_5V_IN the Nano's.
TOTAL_RAILS = ("VDD_IN", "VIN", "POM_5V_IN")

# Boards without such a rail: rails side by side whose sum is the module, each set one board's. A set is taken only when
# all of it is there.
SUMMED_RAILS = (
    ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"),  # AGX Orin
    ("VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0"),  # AGX Thor on releases without VIN
    ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"),  # AGX Xavier
)


@dataclass(frozen=True)
class Rail:
    """One rail in milliwatts: now, the reader's running average, its peak; None where the source has none."""

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
    """The module's power now; None where the rails are not those of a board that is known.

    A sum of rails is less than the module takes: of the recorded lines of a Thor that have both, the three rails are
    86 % of VIN under load and 63 % at rest. Rails outside of a set are outputs of one in it and are not counted twice.
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
