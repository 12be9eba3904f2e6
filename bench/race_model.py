"""Simulated races: what arms score, epoch by epoch, on held-out and reported images, and their true values.

Measured are the effects of a seed on all arms, on arms that train alike and on one arm alone, and the effect of other
images on the difference between two arms. They come from the committed studies of five depths and nine recipes (200
training images, 3 seeds, 55 scored images), which `measured` reads.

Assumed are the distances between arms, by the setting (the arms' means of those studies have a standard deviation of
0.048), and the shapes of the curves, because those studies are older than --val-every and have no held-out curves. An
arm approaches its value exponentially in the schedule's summed learning rate, at a speed of its own; while the rate is
high, its moving average stays below that by a share of its own; and one arm in four trains its head alone for three
tenths of the epochs.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESULTS = Path(__file__).parent / "results"
DEPTHS, RECIPES = "fruit9_depths_seeds_320", "fruit9_recipes_320"
EPOCHS, ARMS, SEEDS = 50, 20, 3
REPORTED_IMAGES = 55
HELD_OUT_IMAGES = 20  # a tenth of 200
STAGED, STAGE_SHARE = 4, 0.3  # every fourth arm; of the epochs
HEAD_ALONE = 0.8  # share of its value that an arm reaches while its head alone trains
MOST_BELOW = 0.2  # share of a value that is missing while the rate is highest
PERSISTS = 0.8  # correlation of an arm's deviations on the same images between two looks

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """One kind of race."""

    name: str
    spread: float  # standard deviation of the arms' true values
    images: int = HELD_OUT_IMAGES
    slow: float = 0.2  # the share of the summed rate in which the median arm reaches 63 % of its value
    slow_is_good: float = 0.0  # correlation of an arm's slowness with its value
    kinds: int = 5  # groups of arms that train alike and deviate together, as those of one depth do
    restless: float = 1.0  # how many times as much the best arm's own trainings deviate


@dataclass(frozen=True)
class Measured:
    """Standard deviations of mAP in the committed studies."""

    arms: float  # of the arms' means, chance included
    common: float  # of a seed's effect on all arms
    alike: float  # of its additional effect on arms that train alike
    own: float  # of its additional effect on one arm
    images: float  # of a difference between two arms over sets of as many images as the reported ones


@cache
def measured() -> Measured:
    """Read them from the committed results."""
    depths, recipes = (json.loads((RESULTS / f"{name}.json").read_text()) for name in (DEPTHS, RECIPES))
    by_depth = _by_arm(depths, "freeze")
    alike = _by_arm(recipes, "recipe")
    trained = [values for name, values in alike.items() if not name.startswith("interpolate")]
    near = np.array([alike[name] for name in ("static", "distill", "replay_0.05", "replay_1")])
    both = np.array(list(by_depth.values()))
    errors = [
        c["difference"]["image_error"]
        for c in depths["statistics"]["comparisons"]
        if (c["data"], c["number"]) == ("target", "map")
    ]
    own = _beside_means(near)
    return Measured(
        arms=float(np.std([*both.mean(axis=1), *(np.mean(values) for values in trained)], ddof=1)),
        common=float(np.std(both.mean(axis=0), ddof=1)),
        alike=math.sqrt(max(0.0, _beside_means(both) ** 2 - own**2)),
        own=own,
        images=float(np.median(errors)),
    )


def _by_arm(study: dict[str, Any], by: str) -> dict[Any, list[float]]:
    """Target mAP of every seed of the grafted models, by arm."""
    found: dict[Any, list[float]] = {}
    for row in sorted(study["rows"], key=lambda row: row["seed"]):
        if row["construction"] == "grafted":
            found.setdefault(row.get(by, "static"), []).append(row["target"]["map"])
    return found


def _beside_means(values: Array) -> float:
    """Standard deviation of [arms, seeds] after the arms' and the seeds' means are subtracted."""
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    return math.sqrt(float(np.sum(rest**2)) / ((values.shape[0] - 1) * (values.shape[1] - 1)))


@dataclass(frozen=True)
class World:
    """One race as it would go if every arm trained to its end."""

    true: Array  # [arms] the mean of all trainings on all images
    reported: Array  # [arms, seeds] on the reported images, after all epochs
    held_out: Array  # [arms, seeds, looks] on each seed's own held-out images
    _speeds: Array
    _noise: Array  # [arms, seeds] of trainings
    _images: Array  # [arms] of the reported images

    def shorter(self, share: float) -> Array:
        """[arms, seeds] on the reported images, if all had trained a whole schedule in this share of the epochs."""
        reached = _risen(np.full(1, share), self._speeds)[:, 0]
        return np.asarray((self.true * reached)[:, None] + self._noise * reached[:, None] + self._images[:, None])


def world(setting: Setting, times: Array, rates: Array, generator: np.random.Generator) -> World:
    """Simulate a race. By look, `times` has the spent share of the summed rate, `rates` the rate over the highest."""
    found, arms = measured(), ARMS
    true = 0.45 + setting.spread * generator.standard_normal(arms)
    quality = (true - true.mean()) / true.std()
    chance = generator.standard_normal(arms)
    slow = setting.slow_is_good
    speeds = setting.slow * np.exp(0.5 * (slow * quality + math.sqrt(1 - slow**2) * chance))
    below = MOST_BELOW * generator.random(arms)
    kind = generator.integers(setting.kinds, size=arms)
    staged = tuple(bool(one) for one in generator.random(arms) < 1 / STAGED)
    alone = found.own * np.where(np.arange(arms) == np.argmax(true), setting.restless, 1.0)
    noise = (
        found.common * generator.standard_normal(SEEDS)
        + found.alike * generator.standard_normal((setting.kinds, SEEDS))[kind]
        + alone[:, None] * generator.standard_normal((arms, SEEDS))
    )
    of_images = found.images / math.sqrt(2)
    reported_images = of_images * generator.standard_normal(arms)
    curve = true[:, None] * _course(times, speeds, staged) * (1 - below[:, None] * rates)
    grown = curve / true[:, None]
    on_images = of_images * math.sqrt(REPORTED_IMAGES / setting.images)
    own = on_images * _persisting(generator, (arms, SEEDS, len(times))) + found.own * _persisting(
        generator, (arms, SEEDS, len(times))
    )
    held_out = curve[:, None] + grown[:, None] * (noise[:, :, None] + own)
    return World(
        true, true[:, None] + noise + reported_images[:, None], np.maximum(held_out, 0), speeds, noise,
        reported_images,
    )  # fmt: skip


def _risen(times: Array, speeds: Array) -> Array:
    """[arms, times] the share of its value that an arm has reached; 1 at the end."""
    return np.asarray((1 - np.exp(-times / speeds[:, None])) / (1 - np.exp(-1 / speeds[:, None])))


def _course(times: Array, speeds: Array, staged: tuple[bool, ...]) -> Array:
    """[arms, times] like `_risen`; a staged arm rises twice."""
    plain = _risen(times, speeds)
    begins = 1 - (1 - STAGE_SHARE) ** 2  # of a rate that falls linearly
    later = _risen(np.clip((times - begins) / (1 - begins), 0, 1), speeds)
    twice = HEAD_ALONE * plain + (1 - HEAD_ALONE) * later
    return np.where(np.array(staged)[:, None], twice, plain)


def _persisting(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Standard normal values whose neighbours on the last axis are correlated."""
    steps = generator.standard_normal(shape)
    for k in range(1, shape[-1]):
        steps[..., k] = PERSISTS * steps[..., k - 1] + math.sqrt(1 - PERSISTS**2) * steps[..., k]
    return np.asarray(steps)
