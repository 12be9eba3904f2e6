"""tegrastats lines from L4T 24 (TX1) to 39 (Thor): every grammar that was observed, without guesses.

A known name followed by something outside its grammar is an error that names the token, because a zero for "not
understood" would be taken for a reading. Unknown names are kept unchanged in `other`.

The grammars, by example:

    RAM 1179/3983MB (lfb 120x4MB)     SWAP 0/3926MB (cached 0MB)     IRAM 0/252kB(lfb 252kB)
    CPU [1%@345,off,0%@345]           cpu [17%,11%,65%,0%]@1734      (L4T 24 to 28)
    EMC_FREQ 7%@408 | 0%              EMC 1%@1600
    GR3D_FREQ 10%@1300 | 0%@[305,305] | @[0,0,0] | 0%                GR3D 39%@76
    VIC_FREQ 729 | VIC off | NVENC0_FREQ @0 | APE 174 | MTS fg 0% bg 0%
    CPU@37.5C | cpu@52.968C/52.968C (now/peak) | CV0@-256C (gated)
    VDD_IN 2532/2698 | VDD_IN 5299mW/5299mW | VDD_IN 5139mW/5139mW/5139mW (now/average[/peak])
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ...errors import InputError
from .rails import Power, Rail, module_power

GATED_C = -100.0  # a power-gated sensor reads -256 C; nothing that runs is this cold


@dataclass(frozen=True)
class Core:
    """One processor core; a core that is off has neither load nor clock."""

    online: bool
    load_percent: float | None = None
    clock_mhz: int | None = None


@dataclass(frozen=True)
class Unit:
    """A part of the chip: GPU, memory controller, video engine. A load that the line does not report is None."""

    online: bool = True
    load_percent: float | None = None
    clocks_mhz: tuple[int, ...] = ()


@dataclass
class TegrastatsReading:
    """One line, with its own names. Sizes are in bytes, temperatures in degrees Celsius, power in milliwatts."""

    time: str | None = None
    ram_used_bytes: int | None = None
    ram_total_bytes: int | None = None
    swap_used_bytes: int | None = None
    swap_total_bytes: int | None = None
    cores: tuple[Core, ...] = ()
    gpu: Unit | None = None
    emc: Unit | None = None
    units: dict[str, Unit] = field(default_factory=dict)
    temperatures_c: dict[str, float] = field(default_factory=dict)
    peak_temperatures_c: dict[str, float] = field(default_factory=dict)
    gated_sensors: tuple[str, ...] = ()
    rails: tuple[Rail, ...] = ()
    other: tuple[str, ...] = ()

    @property
    def module(self) -> Power | None:
        """The module's power, and how it was obtained."""
        return module_power(self.rails)


_TIME = re.compile(r"\d\d-\d\d-\d{4} \d\d:\d\d:\d\d ")
_MEMORY = re.compile(r"(\d+)/(\d+)([kMG])B\s*(?:\((?:lfb \d+(?:x\d+)?[kMG]B|cached \d+[kMG]B)\))?(?=\s|$)")
_CORES = re.compile(r"\[([^\]]*)\](?:@(\d+))?(?=\s|$)")
_CORE = re.compile(r"(\d+)%(?:@(\d+))?")
_UNIT = re.compile(r"off(?=\s|$)|(?:(\d+)%)?(?:@(?:(\d+)|\[(\d+(?:,\d+)*)\]))?(?=\s|$)")
_CLOCK = re.compile(r"(?:off|@?(\d+))(?=\s|$)")
_MTS = re.compile(r"fg (\d+)% bg (\d+)%(?=\s|$)")
_TEMPERATURE = re.compile(r"([A-Za-z]\w*)@(\S*)")
_CELSIUS = re.compile(r"(-?\d+(?:\.\d+)?)C(?:/(-?\d+(?:\.\d+)?)C)?")
_RAIL = re.compile(r"(\d+)(mW)?/(\d+)\2?(?:/(\d+)\2?)?(?=\s|$)")
_RAIL_START = re.compile(r"\d+(?:mW)?/\d")
_RAIL_NAME = re.compile(r"(?:VDD|VIN|POM|NC)(?:_\w+)?$")
_SPACES = re.compile(r"\s*")
_WORD = re.compile(r"\S+")

_BYTES = {"k": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_UNIT_NAME = re.compile(r"(?:VIC|APE|OFA|(?:NVENC|NVDEC|NVJPG|NVDLA|PVA|MSENC|SE|NVCSI|ISP|VI)\d*)(?:_FREQ)?$")


def parse_line(line: str) -> TegrastatsReading:
    """Parse one line. Raises InputError that names the token it cannot read."""
    return _Line(line.strip()).read()


class _Line:
    """A parser that reads a line from left to right, consumes known names and keeps the others."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._at = 0
        self._found = TegrastatsReading()
        self._rails: list[Rail] = []
        self._gated: list[str] = []
        self._other: list[str] = []

    def read(self) -> TegrastatsReading:
        if stamp := _TIME.match(self._line):
            self._found.time = stamp.group().strip()
            self._at = stamp.end()
        known: dict[str, Callable[[str], None]] = {
            "RAM": self._memory,
            "SWAP": self._memory,
            "IRAM": self._memory,
            "CPU": self._cores,
            "cpu": self._cores,
            "GR3D": self._gpu,
            "GR3D_FREQ": self._gpu,
            "EMC": self._emc,
            "EMC_FREQ": self._emc,
            "MTS": self._mts,
        }
        while name := self._next_word():
            if _TEMPERATURE.fullmatch(name):
                self._temperature(name)
            elif self._is_rail(name):  # before the known names: Xavier has rails that are called CPU and GPU
                self._rail(name)
            elif name in known:
                known[name](name)
            elif _UNIT_NAME.match(name):
                self._unit(name)
            else:
                self._other.append(name)
        if not self._found.ram_total_bytes:
            raise InputError(f"tegrastats line without RAM: {self._line[:80]!r} is not a line of tegrastats.")
        self._found.rails, self._found.gated_sensors = tuple(self._rails), tuple(self._gated)
        self._found.other = tuple(self._other)
        return self._found

    def _next_word(self) -> str | None:
        self._skip_spaces()
        word = _WORD.match(self._line, self._at)
        if word is None:
            return None
        self._at = word.end()
        self._skip_spaces()
        return word.group()

    def _skip_spaces(self) -> None:
        spaces = _SPACES.match(self._line, self._at)
        self._at = spaces.end() if spaces else self._at

    def _take(self, pattern: re.Pattern[str], name: str) -> re.Match[str]:
        """Consume the value that follows a name; where it does not match, raise an error that names both."""
        found = pattern.match(self._line, self._at)
        if found is None or not found.group():
            raise self._unreadable(f"{name} {self._rest()}".strip())
        self._at = found.end()
        return found

    def _rest(self) -> str:
        word = _WORD.match(self._line, self._at)
        return word.group() if word else ""

    def _unreadable(self, token: str) -> InputError:
        return InputError(
            f"tegrastats: cannot read {token!r} in {self._line[:60]!r}...; report the line with its L4T release."
        )

    def _memory(self, name: str) -> None:
        used, total, unit = self._take(_MEMORY, name).groups()
        if name == "IRAM":
            return
        scale = _BYTES[unit]
        if name == "RAM":
            self._found.ram_used_bytes, self._found.ram_total_bytes = int(used) * scale, int(total) * scale
        else:
            self._found.swap_used_bytes, self._found.swap_total_bytes = int(used) * scale, int(total) * scale

    def _cores(self, name: str) -> None:
        cores, shared = self._take(_CORES, name).groups()
        read = []
        for text in cores.split(","):
            if text == "off":
                read.append(Core(False))
                continue
            core = _CORE.fullmatch(text)
            if core is None:
                raise self._unreadable(text or f"{name} [{cores}]")
            clock = core.group(2) or shared
            read.append(Core(True, float(core.group(1)), int(clock) if clock else None))
        self._found.cores = tuple(read)

    def _read_unit(self, name: str) -> Unit:
        found = self._take(_UNIT, name)
        if found.group() == "off":
            return Unit(online=False)
        load, clock, clocks = found.groups()
        mhz = tuple(int(c) for c in (clock or clocks or "").split(",") if c)
        return Unit(True, float(load) if load else None, mhz)

    def _gpu(self, name: str) -> None:
        self._found.gpu = self._read_unit(name)

    def _emc(self, name: str) -> None:
        self._found.emc = self._read_unit(name)

    def _unit(self, name: str) -> None:
        clock = self._take(_CLOCK, name)
        off = clock.group() == "off"
        self._found.units[name.removesuffix("_FREQ")] = Unit(not off, None, () if off else (int(clock.group(1)),))

    def _mts(self, name: str) -> None:
        foreground, background = self._take(_MTS, name).groups()
        self._found.units["MTS fg"] = Unit(True, float(foreground))
        self._found.units["MTS bg"] = Unit(True, float(background))

    def _temperature(self, token: str) -> None:
        sensor, _, text = token.partition("@")
        found = _CELSIUS.fullmatch(text)
        if found is None:
            raise self._unreadable(token)
        now = float(found.group(1))
        if now <= GATED_C:
            self._gated.append(sensor)
            return
        self._found.temperatures_c[sensor] = now
        if found.group(2) is not None and float(found.group(2)) > GATED_C:
            self._found.peak_temperatures_c[sensor] = float(found.group(2))

    def _is_rail(self, name: str) -> bool:
        if name in ("RAM", "SWAP", "IRAM"):
            return False
        return _RAIL_START.match(self._line, self._at) is not None or _RAIL_NAME.match(name) is not None

    def _rail(self, name: str) -> None:
        now, _, average, peak = self._take(_RAIL, name).groups()
        self._rails.append(Rail(name, int(now), int(average), int(peak) if peak is not None else None))
