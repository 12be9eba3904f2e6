"""Small sets for transfers: stripes to classify, squares and bars to segment."""

from pathlib import Path

import numpy as np
from PIL import Image

STRIPES = {"lying": (0, 1), "standing": (1, 0), "slanted": (1, 1)}


def write_stripes(folder: Path, train: int = 12, val: int = 8) -> None:
    """An ImageFolder set whose three classes are stripes of three directions in random colours."""
    random = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for name, (x, y) in STRIPES.items():
            place = folder / split / name
            place.mkdir(parents=True)
            for k in range(count):
                grid = np.indices((48, 64))
                wave = np.sin((y * grid[0] + x * grid[1]) * 0.7 + random.uniform(0, 6))[..., None]
                pixels = random.uniform(60, 120, 3) * wave + 128 + random.normal(0, 20, (48, 64, 3))
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(place / f"{k}.png")


def write_shapes(folder: Path, train: int = 10, val: int = 6) -> None:
    """Bright squares and dark bars on noise, with masks."""
    random = np.random.default_rng(1)
    for split, count in (("train", train), ("val", val)):
        for kind in ("images", "masks"):
            (folder / kind / split).mkdir(parents=True)
        for k in range(count):
            pixels, mask = random.normal(120, 15, (60, 80, 3)), np.zeros((60, 80), np.uint8)
            y, x = random.integers(2, 30), random.integers(2, 50)
            pixels[y : y + 20, x : x + 20] = (250, 240, 90)
            mask[y : y + 20, x : x + 20] = 1
            pixels[50:58] = 5
            mask[50:58] = 2
            mask[:, :1] = 255
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / "images" / split / f"{k}.png")
            Image.fromarray(mask).save(folder / "masks" / split / f"{k}.png")
    (folder / "classes.txt").write_text("0 background\n1 square\n2 bar\n")
