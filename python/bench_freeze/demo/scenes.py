"""One picture of the base set or of the target set and its objects, determined by a seed alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from .backdrop import backdrop, clutter, contrasting_colour, grain
from .canvas import SIDE, Canvas, Mask, Pose, coverage
from .shapes import BASE_KINDS, PETALS, SHARED_KIND, SignedDistance, flower

BASE_NAMES: tuple[str, ...] = tuple(BASE_KINDS)
TARGET_NAMES: tuple[str, ...] = (*PETALS, SHARED_KIND)

_STREAMS = {"train": 1, "val": 2, "test": 3}
_LEAST_VISIBLE = 0.7
_PLACEMENTS = 30


@dataclass(frozen=True)
class Thing:
    """An annotated object: its visible pixels, and whether it is a group of many objects of its kind."""

    name: str
    mask: Mask
    crowd: bool = False


@dataclass(frozen=True)
class Scene:
    """A picture (height x width x RGB bytes) and its objects, in the order they were drawn."""

    picture: npt.NDArray[np.uint8]
    things: list[Thing]

    def save(self, file: Path) -> None:
        """Write the picture without loss, as PNG."""
        # Noise hardly compresses: the highest levels take twice the time of the lowest to save a tenth of the bytes.
        Image.fromarray(self.picture).save(file, compress_level=1)


def _pose(rng: np.random.Generator, radius: tuple[float, float]) -> Pose:
    # Small objects are as frequent per octave as large ones, as they are in photographs.
    size = radius[0] * (radius[1] / radius[0]) ** rng.random()
    x, y = rng.uniform(0.8 * size, SIDE - 0.8 * size, 2)
    return Pose(float(x), float(y), float(size), float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(0.8, 1.0)))


def _draw(rng: np.random.Generator, canvas: Canvas, name: str, radius: tuple[float, float]) -> bool:
    """Draw one object where it hides little of the others; False if no such place was found."""
    shape: SignedDistance = flower(PETALS[name], rng.uniform(0.7, 0.9)) if name in PETALS else BASE_KINDS[name]
    for _ in range(_PLACEMENTS):
        pose = _pose(rng, radius)
        covered = coverage(shape, pose)
        mask = covered >= 0.5
        if canvas.leaves_visible(mask, _LEAST_VISIBLE):
            break
    else:
        return False
    canvas.paint(covered, contrasting_colour(rng, canvas, pose), shade=rng.uniform(0.0, 0.4))
    if name in PETALS:
        heart = Pose(pose.x, pose.y, pose.radius * rng.uniform(0.2, 0.3), pose.angle, pose.squash)
        canvas.paint(coverage(BASE_KINDS["disk"], heart), contrasting_colour(rng, canvas, heart))
    canvas.add_object(mask)
    return True


def _draw_crowd(rng: np.random.Generator, canvas: Canvas, name: str) -> None:
    """Many small objects of one kind side by side, annotated as one group."""
    centre_x, centre_y = rng.uniform(35, SIDE - 35, 2)
    union = np.zeros((SIDE, SIDE), dtype=np.bool_)
    for row in range(3):
        for column in range(4):
            x = centre_x + (column - 1.5) * 14 + rng.uniform(-3, 3)
            y = centre_y + (row - 1) * 14 + rng.uniform(-3, 3)
            pose = Pose(float(x), float(y), rng.uniform(5.5, 7.5), rng.uniform(0, 2 * math.pi))
            covered = coverage(BASE_KINDS[name], pose)
            canvas.paint(covered, contrasting_colour(rng, canvas, pose))
            union |= covered >= 0.5
    canvas.add_object(union)


def _finish(rng: np.random.Generator, canvas: Canvas, names: list[str], crowds: int) -> Scene:
    """Finish the picture and list its objects; the first `crowds` objects of the canvas are groups."""
    clutter(rng, canvas, int(rng.integers(0, 4)))
    grain(rng, canvas)
    things = [
        Thing(name, mask, crowd=index < crowds)
        for index, (name, mask) in enumerate(zip(names, canvas.masks, strict=True))
    ]
    return Scene(canvas.to_bytes(), things)


def _base_scene(rng: np.random.Generator, *, crowd: bool) -> Scene:
    canvas = backdrop(rng, meadow=False)
    clutter(rng, canvas, int(rng.integers(2, 8)))
    names: list[str] = []
    if crowd:
        names.append(BASE_NAMES[int(rng.integers(len(BASE_NAMES)))])
        _draw_crowd(rng, canvas, names[0])
    for _ in range(int(rng.integers(2, 7))):
        name = BASE_NAMES[int(rng.integers(len(BASE_NAMES)))]
        if _draw(rng, canvas, name, (8.0, 30.0)):
            names.append(name)
    return _finish(rng, canvas, names, int(crowd))


def _target_scene(rng: np.random.Generator, objects: int) -> Scene:
    canvas = backdrop(rng, meadow=True)
    clutter(rng, canvas, int(rng.integers(2, 8)))
    names: list[str] = []
    for _ in range(objects):
        name = TARGET_NAMES[int(rng.integers(len(TARGET_NAMES)))]
        if _draw(rng, canvas, name, (13.0, 30.0)):
            names.append(name)
    return _finish(rng, canvas, names, 0)


def _generator(set_id: int, split: str, seed: int, index: int) -> np.random.Generator:
    # One generator per picture: picture i does not depend on how many are made, and no two splits share a picture.
    return np.random.Generator(np.random.PCG64([seed, set_id, _STREAMS[split], index]))


def base_scenes(split: str, images: int, seed: int, *, crowds: bool) -> Iterator[Scene]:
    """Scenes of the base set; with `crowds`, every eighth one (from the fourth on) also holds a group annotation."""
    for index in range(images):
        yield _base_scene(_generator(1, split, seed, index), crowd=crowds and index % 8 == 3)


def target_scenes(split: str, images: int, seed: int) -> Iterator[Scene]:
    """Scenes of the target set. The first of a split is empty, the second shows one object, the rest one to five."""
    for index in range(images):
        rng = _generator(2, split, seed, index)
        yield _target_scene(rng, index if index < 2 else int(rng.integers(1, 6)))
