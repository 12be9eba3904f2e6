"""Compare two files on one machine: the ratio of their times, from rounds that time both in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..data.dataset import ImageRecord
from ..data.loader import load_batch
from ..engines.base import Engine
from ..errors import InputError
from ..files import file_sha256
from ..measure.clock import HostClock
from ..measure.rounds import Rounds
from ..results.profile import PairedRatio
from .batches import batch_call
from .request import ProfileRequest
from .source import Source

MAX_ROUNDS = 10_000


def compare(
    engine: Engine,
    call: Callable[[int], object],
    source: Source,
    records: Sequence[ImageRecord],
    batch: int,
    clock: HostClock,
    request: ProfileRequest,
) -> PairedRatio:
    """The time of `source` divided by that of `call`; `source` is opened beside `engine` with as many threads.

    Raises InputError if the two take batches of different sizes.
    """
    other = source.open(engine.identity.threads)
    try:
        if other.card.batch not in (None, batch):
            raise InputError(
                f"{source.file} takes batches of {other.card.batch}, {request.model} takes batches of {batch}."
            )
        images = load_batch(records, 0, other.card.imgsz).images
        rounds = Rounds({"this": call, "other": batch_call(other, images, batch)}, clock, pairs=1)  # many short rounds
        rounds.warm_up(2 * request.seconds)
        rounds.run(MAX_ROUNDS, request.seconds)
    finally:
        other.close()
    ratio = rounds.ratio("other", to="this")
    return PairedRatio(
        other=source.file.name,
        other_sha256=file_sha256(source.file),
        rounds=ratio.rounds,
        ratio=ratio.value,
        low=ratio.low,
        high=ratio.high,
        confidence=ratio.confidence,
        a_s=[seconds for r in rounds.finished for seconds in r.seconds["this"]],
        b_s=[seconds for r in rounds.finished for seconds in r.seconds["other"]],
    )
