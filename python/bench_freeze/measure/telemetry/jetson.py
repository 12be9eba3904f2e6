"""A Jetson through sysfs: power rails of the INA3221 and INA238 monitors, devfreq clocks, GPU load, thermal zones."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from .rails import UNCONNECTED, Rail, module_power
from .source import Folder
from .thermal import read_zones

CHANNELS = (1, 2, 3)  # an INA3221 has three; hwmon's further channels are sums of these
GPU_LOAD = (
    "sys/devices/platform/gpu.0/load",
    "sys/devices/gpu.0/load",
    "sys/devices/platform/17000000.gpu/load",
    "sys/devices/platform/bus@0/17000000.gpu/load",  # Orin from L4T 36 on
)


class JetsonSource:
    """The Jetson module of this machine; `present` says whether there is one."""

    name = "jetson"

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    @property
    def present(self) -> bool:
        """Whether the kernel shows a Jetson's power monitors or its release file."""
        return bool(self.rails(Folder(self._root))) or Folder(self._root).text("etc/nv_tegra_release") is not None

    def read(self) -> dict[str, Any]:
        """See Source.read. `rails_mw` is in milliwatts; `module` is the module's power and how it was obtained."""
        folder = Folder(self._root)
        rails = self.rails(folder)
        zones, gated = read_zones(folder)
        module = module_power(rails)
        loads = (folder.number(path) for path in GPU_LOAD)
        load = next((load for load in loads if load is not None), None)
        return {
            "board": folder.text("proc/device-tree/model"),
            "l4t": folder.text("etc/nv_tegra_release"),
            "rails_mw": {rail.name: rail.now_mw for rail in rails},
            "module": None if module is None else asdict(module),
            "gpu_load_percent": None if load is None else load / 10,  # the kernel counts per mille
            "devfreq": {path.name: _devfreq(folder, path) for path in folder.glob("sys/class/devfreq/*")},
            "temperatures_c": zones,
            "gated_sensors": gated,
            "unreadable": folder.unreadable,
        }

    def watts(self) -> float | None:
        """The module's power now, in watts; None where its rails cannot be read."""
        power = module_power(self.rails(Folder(self._root)))
        return None if power is None else power.now_mw / 1000

    def rails(self, folder: Folder) -> list[Rail]:
        """Every connected rail, from hwmon (L4T 34 and later) or from the older driver's iio files."""
        rails = []
        for monitor in folder.glob("sys/class/hwmon/hwmon[0-9]*"):
            kind = folder.text(monitor / "name")
            if kind == "ina238":  # one channel at the input of a Thor, which tegrastats calls VIN
                microwatt = folder.number(monitor / "power1_input")
                if microwatt is not None:
                    rails.append(Rail(folder.text(monitor / "label") or "VIN", microwatt // 1000))
            if kind != "ina3221":
                continue
            for channel in CHANNELS:
                label = folder.text(monitor / f"in{channel}_label")
                millivolt = folder.number(monitor / f"in{channel}_input")
                milliampere = folder.number(monitor / f"curr{channel}_input")
                if label and label != UNCONNECTED and millivolt is not None and milliampere is not None:
                    rails.append(Rail(label, millivolt * milliampere // 1000))
        for monitor in folder.glob("sys/bus/i2c/drivers/ina3221x/*/iio:device[0-9]*"):
            for channel in range(len(CHANNELS)):
                label = folder.text(monitor / f"rail_name_{channel}")
                milliwatt = folder.number(monitor / f"in_power{channel}_input")
                if label and label != UNCONNECTED and milliwatt is not None:
                    rails.append(Rail(label, milliwatt))
        return rails


def _devfreq(folder: Folder, device: Path) -> dict[str, Any]:
    hertz = {name: folder.number(device / f"{name}_freq") for name in ("cur", "min", "max")}
    clocks = {f"{name}_mhz": None if value is None else value / 1e6 for name, value in hertz.items()}
    return {**clocks, "governor": folder.text(device / "governor")}
