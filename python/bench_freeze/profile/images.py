"""Images for a profile: the user's, or generated patterns. Patterns are written too, so files are read either way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..data.dataset import ImageRecord
from ..data.image_folders import images_named
from ..data.images import check_images
from ..deployment.latency import DISTINCT_BATCHES, latency_batches
from .accuracy import ScoredSet

PATTERN_WIDTH, PATTERN_HEIGHT = 640, 480


@dataclass(frozen=True)
class TimedImages:
    """Batches to time in turn, and their origin in words."""

    batches: list[list[ImageRecord]]
    words: str


def given_images(folder: str | None, batch: int, made: Path) -> TimedImages:
    """Images from the user's folder, or patterns that are written into `made`."""
    count = batch * DISTINCT_BATCHES
    records = folder_records(folder, count) if folder else pattern_records(made, count)
    words = f"of {folder}" if folder else "generated patterns, not photographs"
    return TimedImages([records[i : i + batch] for i in range(0, count, batch)], words)


def images_of(sets: Sequence[ScoredSet], batch: int) -> TimedImages:
    """Images from the scored sets."""
    data = tuple(scored.data for scored in sets)
    return TimedImages(latency_batches(data, batch), f"of {' and '.join(one.name for one in data)}")


def folder_records(folder: str, count: int) -> list[ImageRecord]:
    """`count` images spread over a folder, repeated if it has fewer. Raises InputError if it has none."""
    files = images_named(folder)
    taken = [files[i * len(files) // count] for i in range(count)]
    distinct = sorted(set(taken))
    facts = dict(zip(distinct, check_images(distinct), strict=True))
    return [
        ImageRecord(i, file, fact.width, fact.height, fact.sha256, fact.mark)
        for i, file in enumerate(taken)
        for fact in [facts[file]]
    ]


def pattern_records(folder: Path, count: int) -> list[ImageRecord]:
    """Write `count` smooth random patterns into `folder` as JPEG, the same ones every time."""
    rng = np.random.default_rng(0)
    records = []
    for i in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        file = folder / f"pattern{i:03}.jpg"
        coarse.resize((PATTERN_WIDTH, PATTERN_HEIGHT), Image.Resampling.BICUBIC).save(file, quality=92)
        records.append(ImageRecord(i, file, PATTERN_WIDTH, PATTERN_HEIGHT))
    return records
