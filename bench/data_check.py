"""The check of a data set before a study: ours compared with Ultralytics' own scan, and the cost of verifying an image.

    python bench/data_check.py [--images 20000] [--rounds 3] [--json bench/results/data_check.json]

Makes a data set of 640x480 JPEGs with label files in a temporary folder; the images are patterns, and no two files have
equal bytes. In every round both sides read images and labels twice, the first time without a cache; the side that
begins changes from round to round. Ours is `read_yolo`, theirs `YOLODataset.get_labels`. Also measured: our check of
the images without labels, and reading the files and opening their headers in one thread. The files were just written,
so they are in the page cache. A disk adds time to both sides, and more to ours: we read whole files, to hash them and
to verify that they are complete, whereas Ultralytics reads the header and the last two bytes of a JPEG.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, JpegImagePlugin
from ultralytics.cfg import get_cfg
from ultralytics.data.dataset import YOLODataset
from ultralytics.utils.patches import imread

from bench_freeze.data import file_cache
from bench_freeze.data.images import inspect_image, inspect_images, read_image
from bench_freeze.data.yolo import read_yolo
from bench_freeze.environment import environment
from bench_freeze.profile.images import pattern_records

PATTERNS = 200
CLASSES = 10
SAMPLES = 200  # images for the cost per image


def make_data(folder: Path, count: int) -> Path:
    """Write `count` images with labels and return the data yaml. Each file is a pattern with a comment of its own."""
    for name in ("images", "labels", "patterns"):
        (folder / name).mkdir()
    records = pattern_records(folder / "patterns", PATTERNS)
    patterns = [record.path.read_bytes() for record in records if record.path is not None]
    shutil.rmtree(folder / "patterns")
    rng = np.random.default_rng(0)
    for i in range(count):
        pattern, comment = patterns[i % PATTERNS], str(i).encode()
        segment = b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment
        (folder / "images" / f"{i:06}.jpg").write_bytes(pattern[:2] + segment + pattern[2:])
        rows = rng.uniform((0.4, 0.4, 0.1, 0.1), (0.6, 0.6, 0.3, 0.3), (rng.integers(0, 8), 4))
        lines = (f"{rng.integers(CLASSES)} {' '.join(f'{v:.6f}' for v in row)}\n" for row in rows)
        (folder / "labels" / f"{i:06}.txt").write_text("".join(lines))
    yaml = folder / "set.yaml"
    yaml.write_text(f"path: {folder}\ntrain: images\nval: images\nnames: {[f'c{k}' for k in range(CLASSES)]}\n")
    return yaml


class Timed(YOLODataset):
    """Ultralytics' data set, with the seconds that its scan took."""

    seconds = 0.0

    def get_labels(self) -> Any:
        """Time Ultralytics' scan, or its reading of its cache."""
        start = time.perf_counter()
        labels = super().get_labels()
        self.seconds = time.perf_counter() - start
        return labels


def theirs(yaml: Path) -> tuple[float, int]:
    """Seconds of Ultralytics' scan, and the number of images that it kept."""
    names = {k: f"c{k}" for k in range(CLASSES)}
    images = str(yaml.parent / "images")
    data = Timed(img_path=images, data={"names": names, "nc": CLASSES, "channels": 3}, augment=False, hyp=get_cfg())
    return data.seconds, len(data.labels)


def ours(yaml: Path) -> tuple[float, int]:
    """Seconds of our check of images and labels, and the number of images."""
    start = time.perf_counter()
    data = read_yolo(yaml, "train")
    return time.perf_counter() - start, len(data.images)


def one_round(yaml: Path, first: bool) -> dict[str, dict[str, float]]:
    """Time both sides twice, the first time without a cache."""
    file_cache.store_path().unlink(missing_ok=True)
    (yaml.parent / "labels.cache").unlink(missing_ok=True)
    sides: dict[str, Callable[[Path], tuple[float, int]]] = {"ours": ours, "ultralytics": theirs}
    times: dict[str, dict[str, float]] = {}
    for name in sides if first else reversed(sides):
        first_s, kept = sides[name](yaml)
        again_s, kept_again = sides[name](yaml)
        assert kept == kept_again, (name, kept, kept_again)
        times[name] = {"first_s": first_s, "again_s": again_s, "images": kept}
    return times


def headers(files: Sequence[Path]) -> float:
    """Seconds to read every file and open its header, in this thread."""
    start = time.perf_counter()
    for file in files:
        JpegImagePlugin.JpegImageFile(io.BytesIO(file.read_bytes())).size  # noqa: B018
    return time.perf_counter() - start


def images_alone(files: Sequence[Path]) -> dict[str, float]:
    """Seconds of our check of the images without labels: without a cache, and again."""
    file_cache.store_path().unlink(missing_ok=True)
    times = []
    for _ in range(2):
        start = time.perf_counter()
        inspect_images(files)
        times.append(time.perf_counter() - start)
    return {"first_s": times[0], "again_s": times[1]}


def cost_of_one(folder: Path, files: Sequence[Path]) -> dict[str, dict[str, float]]:
    """Milliseconds per image by format, in one thread, best of three: our decoding, OpenCV's, and our check."""
    costs = {}
    saved_as: tuple[tuple[str, dict[str, Any]], ...]
    saved_as = ((".jpg", {}), (".png", {}), (".webp", {"quality": 80}), (".tif", {}), (".bmp", {}))
    for suffix, options in saved_as:
        made = []
        for i, file in enumerate(files[:SAMPLES] if suffix == ".jpg" else files[: SAMPLES // 10]):
            made.append(folder / f"one{i}{suffix}")
            if suffix == ".jpg":
                shutil.copy(file, made[-1])
            else:
                with Image.open(file) as image:
                    image.save(made[-1], **options)
        steps = {"decode_ms": read_image, "opencv_ms": imread, "check_ms": inspect_image}
        costs[suffix] = {name: 1e3 * _best(step, made) for name, step in steps.items()}
    return costs


def _best(step: Callable[[Path], Any], files: Sequence[Path]) -> float:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        for file in files:
            step(file)
        times.append((time.perf_counter() - start) / len(files))
    return min(times)


def main() -> None:
    """Run the rounds, and print and write their times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["BENCH_FREEZE_CACHE"] = str(folder / "cache")
        yaml = make_data(folder, asked.images)
        time.sleep(3)  # files that have just changed are not cached
        files = sorted((folder / "images").iterdir())
        size = sum(file.stat().st_size for file in files) / len(files)
        rounds = [one_round(yaml, first=i % 2 == 0) for i in range(asked.rounds)]
        result = {
            "environment": environment(),
            "images": asked.images,
            "mean_bytes": size,
            "rounds": rounds,
            "headers_s": headers(files),
            "images_alone": images_alone(files),
            "one_image": cost_of_one(folder, files),
        }
    for run in ("first_s", "again_s"):
        own, other = ([each[side][run] for each in rounds] for side in ("ours", "ultralytics"))
        ratio = statistics.median(b / a for a, b in zip(own, other, strict=True))
        medians = statistics.median(own), statistics.median(other)
        result[f"ratio_{run}"] = ratio
        print(f"{run}: ours {medians[0]:.2f} s, Ultralytics {medians[1]:.2f} s, ratio {ratio:.2f}")
    print(f"headers alone, one thread: {result['headers_s']:.2f} s; our images alone: {result['images_alone']}")
    print(json.dumps(result["one_image"], indent=1))
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
