"""What one process is asked to time, and what it answers: json on its way in and out."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

ClockName = Literal["cpu", "wall"]  # processor time where the engine runs on the CPU, or time on the wall
SIDES = ("baseline", "current")


class PairJob(Struct, frozen=True, kw_only=True):
    """Two files of one row and what runs them."""

    number: int  # its answer bears it
    baseline: str
    current: str
    engine: str
    device: str
    threads: int | None
    batch: int
    scopes: list[str]  # model, pipeline


class ImageFile(Struct, frozen=True, kw_only=True):
    """An image that both models are run on."""

    path: str
    width: int
    height: int


class Job(Struct, frozen=True, kw_only=True):
    """One round of several rows. `seed` decides who goes first, and the images of this round."""

    pairs: list[PairJob]
    images: list[ImageFile]
    options: dict[str, Any]  # of suppression
    seed: int
    clock: ClockName


class Answer(Struct, frozen=True, kw_only=True):
    """One scope of one pair: seconds of a call of each side; or in `error` why there is none."""

    number: int
    scope: str
    baseline_s: float = 0.0
    current_s: float = 0.0
    error: str | None = None
