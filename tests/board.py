"""A Jetson's tools as programs on PATH: they keep a mode and clocks in files, and print what such a board printed."""

from __future__ import annotations

import os
from pathlib import Path

CONFIGURATION = """# an Orin's, shortened
< PARAM TYPE=FILE NAME=CPU_ONLINE >
CORE_1 /sys/devices/system/cpu/cpu1/online

< POWER_MODEL ID=0 NAME=MAXN >
CPU_ONLINE CORE_1 1
< POWER_MODEL ID=1 NAME=MODE_15W >
CPU_ONLINE CORE_1 0
# < POWER_MODEL ID=2 NAME=MODE_OLD >
< POWER_MODEL ID=3 NAME=MODE_50W >
CPU_ONLINE CORE_1 1
< PM_CONFIG DEFAULT=1 >
"""
NVPMODEL = """#!/bin/sh
cd "$(dirname "$0")"
echo "nvpmodel $*" >> log
case "$1" in
  -q) case "$(cat mode)" in 0) n=MAXN;; 1) n=MODE_15W;; 3) n=MODE_50W;; esac
      printf 'NV Fan Mode:quiet\\nNV Power Mode: %s\\n%s\\n' "$n" "$(cat mode)";;
  -m) if [ "$2" = 3 ]; then
        echo "NVPM WARN: Reboot required for changing to this power mode: 3"
        echo "NVPM WARN: DO YOU WANT TO REBOOT NOW? enter YES/yes to confirm:"
        read -r answer
        case "$answer" in YES|yes) touch rebooted;; *) echo "NVPM ERROR: Reboot required";; esac
        exit 1
      fi
      echo "$2" > mode; echo 729600 > least;;  # a new mode unlocks the clocks
esac
"""
# The memory's least clock stays what it is, and engines have none, as an AGX Orin of L4T 36 prints them when locked.
JETSON_CLOCKS = """#!/bin/sh
cd "$(dirname "$0")"
echo "jetson_clocks $*" >> log
override=0
[ "$(cat least)" = 2201600 ] && override=1
case "$1" in
  --show) core='cpu0:  Online=1 Governor=schedutil MinFreq=%s MaxFreq=2201600 CurrentFreq=2201600 IdleStates: WFI=1'
          printf "$core\\n" "$(cat least)"
          echo "GPU MinFreq=1300500000 MaxFreq=1300500000 CurrentFreq=1300500000"
          echo "Active GPU TPCs: 8"
          echo "EMC MinFreq=204000000 MaxFreq=3199000000 CurrentFreq=3199000000 FreqOverride=$override"
          echo "DLA0_CORE:   Online=1 MinFreq=0 MaxFreq=1600000000 CurrentFreq=1600000000"
          echo "FAN Dynamic Speed Control=nvfancontrol hwmon0_pwm1=48";;
  --store) if [ -e "$2" ]; then
             echo "File $2 already exists. Can I overwrite it? Y/N:"
             read -r answer
             case "$answer" in y|Y) ;; *) echo "Error: file $2 already exists!"; exit 1;; esac
           fi
           cat least > "$2";;
  --restore) cat "$2" > least;;
  "") [ -e stuck ] || echo 2201600 > least;;
esac
"""
SUDO = '#!/bin/sh\n[ "$1" = -n ] && shift\nexec "$@"\n'


class Board:
    """The programs in a folder that is put before PATH, with the state that they keep."""

    def __init__(self, folder: Path, mode: int = 1) -> None:
        self.folder = folder
        self.configuration = folder / "nvpmodel.conf"
        self.configuration.write_text(CONFIGURATION)
        for name, text in (("nvpmodel", NVPMODEL), ("jetson_clocks", JETSON_CLOCKS), ("sudo", SUDO)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        (folder / "mode").write_text(f"{mode}\n")
        (folder / "least").write_text("729600\n")

    @property
    def path(self) -> str:
        """PATH with the programs first."""
        return f"{self.folder}{os.pathsep}{os.environ['PATH']}"

    @property
    def state(self) -> tuple[int, int, bool]:
        """The mode, the least clock of a core, and whether somebody agreed to a restart."""
        mode, least = ((self.folder / name).read_text() for name in ("mode", "least"))
        return int(mode), int(least), (self.folder / "rebooted").exists()

    def commands(self) -> list[str]:
        """What was called, in its order, without questions about the state."""
        asked = (self.folder / "log").read_text().splitlines()
        return [line for line in asked if not line.endswith((" -q", "--show"))]
