"""The kernel's thermal zones, in degrees Celsius."""

from __future__ import annotations

from .source import Folder

GATED_MILLI_C = -100_000  # a power-gated Tegra sensor reads -256 C


def read_zones(folder: Folder) -> tuple[dict[str, float], list[str]]:
    """Temperatures by zone, and the zones whose sensor is gated: implausibly cold, or not answering."""
    temperatures: dict[str, float] = {}
    gated = []
    for zone in folder.glob("sys/class/thermal/thermal_zone[0-9]*"):
        name = folder.text(zone / "type")
        if name is None:
            continue
        if name in temperatures:  # zones of several sockets share a type
            name = f"{name} {zone.name.removeprefix('thermal_zone')}"
        milli = folder.number(zone / "temp")
        if milli is None or milli <= GATED_MILLI_C:
            gated.append(name)
        else:
            temperatures[name] = milli / 1000
    return temperatures, gated
