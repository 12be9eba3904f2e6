"""The options of `transfer`, checked before anything is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .fine_tuning import FineTuning

FINEST = 8  # the stride, in pixels, of the finest map that a decoder reads
SCRATCH = "scratch"  # an entry of the weights that stands for random weights
_MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class TransferRequest:
    """The command's options; a set that is None was not requested."""

    weights: tuple[str, ...]
    out: Path
    classify: Path | None = None
    crops: Path | None = None
    segment: Path | None = None
    look: Path | None = None
    side_by_side: bool = False  # on the images of `classify`
    tuning: FineTuning | None = None  # fine-tune backbones, too, for `classify` and `segment`
    split: str = "val"
    data_fractions: tuple[float, ...] = (1.0,)
    seeds: tuple[int, ...] = (0, 1, 2)
    imgsz: int = 224
    batch: int = 32
    device: str = "cpu"
    workers: int | None = None
    trust_checkpoint: bool = False

    @property
    def detection_split(self) -> str:
        """The scored split of a data YAML, which has only val and test, whatever an ImageFolder calls its own."""
        return "test" if self.split == "test" else "val"

    def __post_init__(self) -> None:
        """Raise InputError for an invalid request."""
        if all(path is None for path in (self.classify, self.crops, self.segment, self.look)):
            raise InputError(
                "there is nothing to transfer to; name a set with --classify, --crops, --segment or --look."
            )
        if self.side_by_side and (self.classify is None or len(self.weights) < 2):
            raise InputError("--side-by-side needs two sources or more, and the images of --classify.")
        if self.tuning is not None and self.classify is None and self.segment is None:
            raise InputError("--freeze fine-tunes for --classify and --segment; name a set with one of them.")
        if not [name for name in self.weights if name != SCRATCH]:
            raise InputError("--weights names no checkpoint; random weights (scratch) need one whose layers they have.")
        for flag, values in (
            ("--weights", self.weights),
            ("--seeds", self.seeds),
            ("--data-fractions", self.data_fractions),
        ):
            if not values:
                raise InputError(f"{flag} is empty; give one value or several.")
            if len(set(values)) < len(values):
                raise InputError(f"{flag} names {_first_twin(values)} twice; name it once.")
        for share in self.data_fractions:
            if not (math.isfinite(share) and 0 < share <= 1):
                raise InputError(f"--data-fractions: {share:g} is not a share; give numbers above 0, at most 1.")
        for seed in self.seeds:
            if not 0 <= seed <= _MAX_SEED:
                raise InputError(f"--seeds: {seed} is out of range; give 0 to {_MAX_SEED}.")
        for flag, value in (("--imgsz", self.imgsz), ("--batch", self.batch), ("--workers", self.workers)):
            if value is not None and not 1 <= value <= 16384:
                raise InputError(f"{flag} {value}: give 1 to 16384.")


def _first_twin(values: tuple[object, ...]) -> object:
    return next(value for k, value in enumerate(values) if value in values[:k])
