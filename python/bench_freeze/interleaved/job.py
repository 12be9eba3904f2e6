"""The request to one timing process, and its answers; both travel as json."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

ClockName = Literal["cpu", "wall"]  # processor time if the engine runs on the CPU, else wall clock
SIDES = ("baseline", "current")


class PairJob(Struct, frozen=True, kw_only=True):
    """Two model files of one row, and the engine that runs them."""

    number: int  # repeated in the answer
    baseline: str
    current: str
    engine: str
    device: str
    threads: int | None
    batch: int
    scopes: list[str]  # model, pipeline


class ImageFile(Struct, frozen=True, kw_only=True):
    """An image that both models run on."""

    path: str
    width: int
    height: int


class Job(Struct, frozen=True, kw_only=True):
    """One round of several rows. `seed` determines their order and the images of this round."""

    pairs: list[PairJob]
    images: list[ImageFile]
    options: dict[str, Any]  # of non-maximum suppression
    seed: int
    clock: ClockName


class Answer(Struct, frozen=True, kw_only=True):
    """One scope of one pair: seconds per call of each side, or the reason in `error` why there are none."""

    number: int
    scope: str
    baseline_s: float = 0.0
    current_s: float = 0.0
    error: str | None = None
