"""The first run as an animation: a real `bench-freeze run` in a terminal, recorded and drawn as a GIF.

python bench/first_run_animation.py [--out docs/pictures/first_run.gif] [--seconds 30] [-- COMMAND ...]

asciinema records the command in a terminal of its own, in an empty folder. The recording keeps the true times. For the
animation, pauses are cut to IDLE_S and the rest is played faster, so that it lasts `--seconds`; the last line states
the true duration and the factor. agg draws it. `--cast FILE` keeps the recording, `--draw FILE` draws a kept one again.
Record on a quiet machine, because the terminal shows times measured on it.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageSequence

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent  # asciinema and agg are installed in this Python's environment
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"  # so that every machine draws the same letters
COLUMNS, ROWS = 80, 40  # large enough for the report of a run
IDLE_S = 1.0  # the longest pause
END_S = 5.0  # for the last frame, which has the result
MOST_BYTES = 500_000
COLOURS = 12
FRAMES_PER_S = (8, 5, 3, 2, 1)  # the first one that keeps the file within MOST_BYTES is used
FIRST = ["bench-freeze", "run", "--out", "runs/demo"]


@dataclass(frozen=True)
class Event:
    """Output of the terminal, `at_s` seconds after the start."""

    at_s: float
    text: str


def main() -> int:
    """Record, draw, and print the numbers for a caption; returns 1 if the file is too large."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures" / "first_run.gif")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long the animation lasts (default: 30)")
    parser.add_argument("--cast", type=Path, help="keep the recording, with its true times, in this file")
    parser.add_argument("--draw", type=Path, metavar="CAST", help="draw a kept recording; nothing is run")
    parser.add_argument("command", nargs="*", default=FIRST, help="(default: the demo study)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if options.draw is None:
            cast = (options.cast or Path(scratch) / "first_run.cast").resolve()
            record(options.command, cast, Path(scratch))
        else:
            cast = options.draw
        header, events = read_cast(cast.read_text())
        shown, factor = shortened(events, options.seconds)
        total = events[-1].at_s
        shown.append(Event(shown[-1].at_s, closing_line(total, factor)))
        shorter = Path(scratch) / "shown.cast"
        shorter.write_text(as_cast(header, shown))
        size = draw(shorter, options.out)
    print(f"{options.out}  {size / 1000:.0f} kB, {shown[-1].at_s:.0f} s; true duration {clock(total)}, {factor:.1f} x")
    return int(size > MOST_BYTES)


def record(command: list[str], cast: Path, scratch: Path) -> None:
    """Run a command in a recorded terminal and an empty folder.

    Raises CalledProcessError if the command or the recorder fails.
    """
    folder, status = scratch / "work", scratch / "status"
    folder.mkdir()
    words = shlex.join(command)
    script = f"printf '$ %s\\n' {shlex.quote(words)}; {words}; printf %s $? > {shlex.quote(str(status))}"
    path = f"{BIN}:/usr/local/bin:/usr/bin:/bin"
    recorded = [str(BIN / "asciinema"), "rec", "--quiet", "--overwrite", "--env", "TERM"]
    recorded += ["--cols", str(COLUMNS), "--rows", str(ROWS), "--command", f"sh -c {shlex.quote(script)}", str(cast)]
    environment = {"PATH": path, "HOME": str(scratch), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    subprocess.run(recorded, cwd=folder, env=environment, check=True)
    if (ended := status.read_text()) != "0":
        raise subprocess.CalledProcessError(int(ended), command)


def read_cast(text: str) -> tuple[dict[str, object], list[Event]]:
    """The header and the output of a recording, asciicast version 2."""
    head, *lines = text.splitlines()
    events = [json.loads(line) for line in lines]
    return json.loads(head), [Event(float(at), what) for at, kind, what in events if kind == "o"]


def shortened(events: list[Event], seconds: float) -> tuple[list[Event], float]:
    """The events compressed into `seconds`, and the factor; pauses are first cut to IDLE_S."""
    moments, now = [], 0.0
    for before, event in zip([Event(0.0, ""), *events], events, strict=False):
        now += min(event.at_s - before.at_s, IDLE_S)
        moments.append(now)
    factor = max(now / seconds, 1.0)
    return [Event(at / factor, event.text) for at, event in zip(moments, events, strict=True)], factor


def closing_line(total_s: float, factor: float) -> str:
    """The last line of the animation, with its true duration."""
    said = f"# took {clock(total_s)} on this machine; shown {factor:.1f} times as fast, without pauses"
    return f"\r\n\x1b[2m{said}\x1b[0m\r\n"


def clock(seconds: float) -> str:
    """Minutes and seconds, such as 3:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def as_cast(header: dict[str, object], events: list[Event]) -> str:
    """A recording as text, with the terminal size of its header."""
    kept = {"version": 2, "width": header.get("width", COLUMNS), "height": header.get("height", ROWS)}
    lines = [json.dumps([round(event.at_s, 6), "o", event.text]) for event in events]
    return "\n".join([json.dumps(kept), *lines]) + "\n"


def draw(cast: Path, out: Path) -> int:
    """Draw a recording as a GIF with as many frames a second as the size limit allows; returns its bytes."""
    for frames in FRAMES_PER_S:
        drawn = [
            str(BIN / "agg"), "--font-dir", str(FONTS), "--font-family", "DejaVu Sans Mono", "--theme", "monokai",
            "--font-size", "12", "--fps-cap", str(frames), "--idle-time-limit", str(IDLE_S),
            "--last-frame-duration", str(END_S), str(cast), str(out),
        ]  # fmt: skip
        subprocess.run(drawn, check=True, capture_output=True)  # agg writes a line for every frame
        reduce_colours(out)
        if out.stat().st_size <= MOST_BYTES:
            break
    return out.stat().st_size


def reduce_colours(gif: Path) -> None:
    """Draw an animation again with COLOURS colours, the same in every frame: letters on a dark ground need no more."""
    with Image.open(gif) as opened:
        frames = [(frame.convert("RGB"), frame.info["duration"]) for frame in ImageSequence.Iterator(opened)]
    sample = Image.fromarray(np.concatenate([np.asarray(frame) for frame, _ in frames[::8]]))
    palette = sample.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    first, *rest = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame, _ in frames]
    first.save(gif, save_all=True, append_images=rest, duration=[shown for _, shown in frames], loop=0, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
