"""A whole `bench-freeze run` at three freeze depths against the same work by a script of plain Ultralytics, in pairs.

    python bench/whole_run.py DATA --json FILE --markdown FILE
    python bench/whole_run.py DATA --images 8 --epochs 1 --imgsz 64 --samples 8 --rounds 1    only a rehearsal

Run it on a quiet machine; DATA has weights/, fruit9/ and coco206/. Each side is a process of its own, timed from start
to end, with an empty output folder; the order changes from round to round. Both sides have the same images, depths,
epochs, image size, batch size, optimizer, learning rate, seed and threads. The other side is `whole_run_plain.py`. Each
side has its own copy of the sets, since Ultralytics writes caches beside labels. A first round of each side, with a
single epoch, is not counted: it fills the file cache and Ultralytics' cache of labels, which plain Ultralytics then
uses, and shows how many pipeline samples our timing takes per model, alone and in rounds. Plain Ultralytics takes
equally many, of both models of each pair, and reads the engine's own time from the same calls.

Wall seconds are those of the process; processor seconds, user and system, are the kernel's account of it and its
children. The ratio is plain over ours, round by round. Further lines give the ratio without two parts of the plain
side: the two validations that `val=False` leaves in a training, and the tuned model over the base images.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

OURS, PLAIN = "bench-freeze run", "plain Ultralytics"
HERE = Path(__file__).resolve().parent
CALLS = 2  # calls of a model in a round
LEFT_OUT = {
    "without validations inside train": ("validate inside train",),
    "without the tuned model over the base set": ("tuned on base set",),
    "without both": ("validate inside train", "tuned on base set"),
}
ONLY_OURS = (
    "compares every ONNX file with torch on real images",
    "runs both heads of every model on both sets, and the tuned head on the test split",
    "audits that frozen weights stayed and others moved",
    "scores by COCO's protocol, and both heads under their shared limit",
    "times engine and pipeline apart, then all models in rounds with intervals",
    "compares arms with intervals over 2,000 resamples of the images, and picks one",
    "hashes all inputs and outputs, keeps every step as an artifact, goes on after a kill",
    "writes a report with example images and a folder of the picked model",
)
ONLY_PLAIN = (
    "validates twice in every training (after the last epoch, and best.pt), val=False or not",
    "runs two files of one head each where ours runs one of two heads",
    "builds and warms up an engine in every call of val",
)


def copy_set(source: Path, folder: Path, most: int | None) -> Path:
    """Copy the images and labels of a data yaml, at most `most` of each split, evenly spaced; the new yaml."""
    content = yaml.safe_load(source.read_text())
    for split in {content[name] for name in ("train", "val", "test") if content.get(name)}:
        images = sorted(path for path in (source.parent / split).iterdir() if path.suffix.lower() in (".jpg", ".png"))
        step = 1.0 if most is None else max(1.0, len(images) / most)
        taken = [images[int(k * step)] for k in range(math.ceil(len(images) / step - 1e-9))]
        labels = split.replace("images", "labels", 1)
        for place in (split, labels):
            (folder / place).mkdir(parents=True, exist_ok=True)
        for image in taken:
            shutil.copyfile(image, folder / split / image.name)
            label = (source.parent / labels / image.name).with_suffix(".txt")
            if label.exists():
                shutil.copyfile(label, folder / labels / label.name)
    copied = folder / source.name
    copied.write_text(yaml.safe_dump(content, sort_keys=False))
    return copied


def parts_of(log: str) -> dict[str, float]:
    """Seconds by the first word of the steps' titles, from the log of a run; timing in rounds is separate."""
    parts: defaultdict[str, float] = defaultdict(float)
    for title, seconds in re.findall(r"^(?:\d+/\d+ )?(\S.*?)\s+(\d+\.\d) s$", log, re.MULTILINE):
        word = "time in rounds" if title.endswith("in rounds") else title.split()[0]
        parts[word] += float(seconds)
    return dict(parts)


def process(command: Sequence[str], folder: Path) -> dict[str, Any]:
    """Run a command; wall seconds, user and system seconds with its children, peak memory, and its output."""
    own = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    own |= {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_CONFIG_DIR": str(folder / "settings")}
    out, log = folder / "out.txt", folder / "log.txt"
    load = os.getloadavg()[0]
    began = time.perf_counter()
    with out.open("w") as stdout, log.open("w") as stderr:
        child = subprocess.Popen(command, stdout=stdout, stderr=stderr, cwd=folder, env=own)
        _, status, usage = os.wait4(child.pid, 0)
    wall_s = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}:\n{log.read_text()[-3000:]}")
    return {
        "wall_s": wall_s,
        "user_s": usage.ru_utime,
        "system_s": usage.ru_stime,
        "processor_s": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
        "load_average_before": load,
    }


def ours(asked: argparse.Namespace, folder: Path, place: Path, epochs: int) -> dict[str, Any]:
    """Run bench-freeze in an empty folder; its times, the parts of its log and its findings."""
    out = place / "out"
    command = [sys.executable, "-m", "bench_freeze", "run", *shared(asked, folder / "ours", epochs), "--out", str(out)]
    command += ["--train-batch", str(asked.batch), "--construction", "branched"]
    command += ["--latency-samples", str(asked.samples)]
    done = process(command, place)
    results = json.loads((out / "results.json").read_text())
    taken = [row["latency"]["pipeline"] for row in results["rows"]]
    return done | {
        "parts_s": parts_of((place / "log.txt").read_text()),
        "samples": statistics.median(
            one["n"] + CALLS * (one["ratio_to_original"]["rounds"] if one.get("ratio_to_original") else 0)
            for one in taken
        ),
        "target_map": {row["freeze"]: row["target"]["map"] for row in results["rows"]},
        "base_map": results["originals"][0]["base"]["map"],
        "pipeline_p50_s": {row["freeze"]: row["latency"]["pipeline"]["p50_s"] for row in results["rows"]},
    }


def plain(asked: argparse.Namespace, folder: Path, place: Path, epochs: int, samples: int) -> dict[str, Any]:
    """Do the same work with plain Ultralytics."""
    command = [sys.executable, str(HERE / "whole_run_plain.py"), *shared(asked, folder / "plain", epochs)]
    command += ["--batch", str(asked.batch), "--out", str(place / "out"), "--samples", str(samples)]
    done = process(command, place)
    answer = json.loads((place / "out.txt").read_text().splitlines()[-1])
    depths = answer["depths"]
    return done | {
        "parts_s": answer["parts_s"],
        "samples": samples,
        "target_map": {int(depth): one["target_map"] for depth, one in depths.items()},
        "base_map": answer["base_map"],
        "pipeline_p50_s": {
            int(depth): sum(model["pipeline_p50_s"] for model in one["latency"].values())
            for depth, one in depths.items()
        },
    }


def shared(asked: argparse.Namespace, sets: Path, epochs: int) -> list[str]:
    """The flags that both sides share."""
    return [
        *("--weights", str(asked.data / "weights" / "yolov8n_coco.pt")),
        *("--target", str(sets / "fruit9" / "fruit9.yaml"), "--base", str(sets / "coco206" / "coco206.yaml")),
        *("--freeze", asked.freeze, "--epochs", str(epochs), "--imgsz", str(asked.imgsz)),
        *("--optimizer", asked.optimizer, "--lr0", str(asked.lr0), "--seed", str(asked.seed)),
    ]


def ratios(rounds: Mapping[str, Sequence[Mapping[str, Any]]], clock: str, less: Sequence[str] = ()) -> list[float]:
    """Plain over ours in every round; the parts in `less` are subtracted from the plain side's seconds."""
    return [
        (other[clock] - sum(other["parts_s"].get(name, 0.0) for name in less)) / own[clock]
        for own, other in zip(rounds[OURS], rounds[PLAIN], strict=True)
    ]


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Median, minimum, maximum and all values."""
    return {"median": statistics.median(values), "least": min(values), "greatest": max(values), "rounds": list(values)}


def summary(rounds: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Ratios of both clocks, and of wall time without each part that is open to argument."""
    found = {"wall": spread(ratios(rounds, "wall_s")), "processor": spread(ratios(rounds, "processor_s"))}
    return found | {f"wall, {name}": spread(ratios(rounds, "wall_s", less)) for name, less in LEFT_OUT.items()}


def markdown(content: Mapping[str, Any]) -> str:
    """What was run under which load, and the tables."""
    rounds, asked = content["rounds"], content["settings"]
    loads = [run["load_average_before"] for runs in rounds.values() for run in runs]
    lines = [
        f"`python bench/whole_run.py DATA` with freeze {asked['freeze']}, {asked['epochs']} epochs, "
        f"{asked['imgsz']} pixels, batch {asked['batch']}, {asked['optimizer']}: {len(rounds[OURS])} pair(s) on "
        f"{content['cores']} cores, load average {min(loads):.1f} to {max(loads):.1f} before a side began.",
        "",
        "| side | wall s | user s | system s | peak MiB |",
        "|---|---:|---:|---:|---:|",
    ]
    for side, runs in rounds.items():
        medians = [statistics.median(run[key] for run in runs) for key in ("wall_s", "user_s", "system_s", "peak_mib")]
        lines.append(f"| {side} | {' | '.join(f'{value:.1f}' for value in medians)} |")
    lines += ["", "| plain over ours | median | least | greatest |", "|---|---:|---:|---:|"]
    for name, one in content["ratios"].items():
        lines.append(f"| {name} | {one['median']:.2f} | {one['least']:.2f} | {one['greatest']:.2f} |")
    for side, runs in rounds.items():
        lines += ["", f"| {side}: part | median s |", "|---|---:|"]
        names = dict.fromkeys(name for run in runs for name in run["parts_s"])
        medians_s = {name: statistics.median(run["parts_s"].get(name, 0.0) for run in runs) for name in names}
        lines += [f"| {name} | {seconds:.1f} |" for name, seconds in sorted(medians_s.items(), key=lambda one: -one[1])]
    lines += ["", "| depth | target mAP, ours | plain |", "|---:|---:|---:|"]
    one, other = rounds[OURS][-1]["target_map"], rounds[PLAIN][-1]["target_map"]
    lines += [f"| {depth} | {one[depth]:.4f} | {other[depth]:.4f} |" for depth in one]
    for side, words in ((OURS, content["only_ours"]), (PLAIN, content["only_plain"])):
        lines += ["", f"Only {side}:", "", *(f"- {sentence}" for sentence in words)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Copy the sets, run the rounds, and write the results after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=lambda name: Path(name).resolve())
    parser.add_argument("--freeze", default="22,15,10")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--optimizer", default="AdamW")
    parser.add_argument("--lr0", type=float, default=0.001)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=200, help="most latency samples of our rows, per scope")
    parser.add_argument("--images", type=int, help="most images of every split, for a rehearsal")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    asked = parser.parse_args()
    from bench_freeze.environment import environment

    settings = {name: value for name, value in vars(asked).items() if name not in ("data", "json", "markdown")}
    content: dict[str, Any] = {"environment": environment(), "settings": settings, "cores": os.cpu_count()}
    content |= {"only_ours": ONLY_OURS, "only_plain": ONLY_PLAIN}
    rounds = content["rounds"] = {OURS: [], PLAIN: []}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for side in ("ours", "plain"):
            for name in ("fruit9", "coco206"):
                copy_set(asked.data / name / f"{name}.yaml", folder / side / name, asked.images)

        def run(side: str, epochs: int, samples: int) -> dict[str, Any]:
            with tempfile.TemporaryDirectory(dir=folder) as place:
                if side == OURS:
                    found = ours(asked, folder, Path(place), epochs)
                else:
                    found = plain(asked, folder, Path(place), epochs, samples)
            print(f"{side:<18} wall {found['wall_s']:8.1f} s  processor {found['processor_s']:8.1f} s", flush=True)
            return found

        samples = math.ceil(run(OURS, 1, 0)["samples"])
        run(PLAIN, 1, samples)
        for number in range(asked.rounds):
            for side in (OURS, PLAIN) if number % 2 == 0 else (PLAIN, OURS):
                rounds[side].append(run(side, asked.epochs, samples))
            content["ratios"] = summary(rounds)
            if asked.json:
                asked.json.write_text(json.dumps(content, indent=1) + "\n")
            if asked.markdown:
                asked.markdown.write_text(markdown(content))
            shown = ", ".join(f"{name} {one['median']:.2f}" for name, one in content["ratios"].items())
            print(f"after {number + 1} rounds, plain over ours: {shown}", flush=True)


if __name__ == "__main__":
    main()
