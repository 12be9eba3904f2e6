"""One round in its own process: `python -m bench_freeze.interleaved.worker`, a Job on stdin, Answers on stdout.

Each process has a new memory layout and new cores for its threads. By chance these can make one of two equal models a
few percent slower for the life of the process. With a new process for every round, this is noise that rounds average
out.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from ..data.dataset import ImageRecord
from ..data.loader import load_batch
from ..deployment.pipeline import pipeline_call
from ..engines.base import Engine
from ..engines.open import open_exported
from ..kernels.nms_options import NmsOptions
from ..measure.clock import Clock, HostClock, ProcessorClock
from ..measure.rounds import PAIRS, Call, Rounds
from ..measure.stages import StageClock
from .job import SIDES, Answer, ImageFile, Job, PairJob

WARM_UP_SECONDS = 0.2  # of both sides together, and at least six calls of each
CALL_SECONDS = 0.5  # of both sides together, per scope
MOST_PAIRS = 31


def time_round(job: Job) -> Iterator[Answer]:
    """Time every pair, in random order; the answer to a failed pair is its error."""
    order = random.Random(job.seed)
    options = NmsOptions(**job.options)
    for pair in order.sample(job.pairs, len(job.pairs)):
        batches = _batches(job.images, pair.batch, job.seed)
        answered: list[str] = []
        try:
            clock = ProcessorClock() if job.clock == "cpu" and pair.device == "cpu" else HostClock()
            for answer in _time_pair(pair, batches, options, order.getrandbits(32), clock):
                answered.append(answer.scope)
                yield answer
        except Exception as error:  # each engine raises its own classes
            said = " ".join(str(error).split())[:300] or type(error).__name__
            for scope in pair.scopes:
                if scope not in answered:
                    yield Answer(number=pair.number, scope=scope, error=said)


def _time_pair(
    pair: PairJob, batches: Sequence[list[ImageRecord]], options: NmsOptions, seed: int, clock: Clock
) -> Iterator[Answer]:
    files = {"baseline": pair.baseline, "current": pair.current}
    engines: dict[str, Engine] = {}
    try:
        for side in random.Random(seed).sample(SIDES, len(SIDES)):
            path = Path(files[side])
            engines[side] = open_exported(pair.engine, path, pair.device, pair.threads, spin="never")
        for scope in pair.scopes:
            calls = {side: _call(engines[side], scope, batches, options) for side in SIDES}
            warm = Rounds(calls, clock, pairs=1, seed=seed)
            warm.warm_up(WARM_UP_SECONDS)
            warm.run(1)
            rounds = Rounds(calls, clock, pairs=_pairs(warm.finished[0].level_s("baseline")), seed=seed)
            rounds.run(1)
            baseline_s, current_s = (rounds.finished[0].level_s(side) for side in SIDES)
            yield Answer(number=pair.number, scope=scope, baseline_s=baseline_s, current_s=current_s)
    finally:
        for engine in engines.values():
            engine.close()


def _pairs(call_s: float) -> int:
    """The number of pairs: enough to outweigh the start of the process, and odd, so that there is a median."""
    return min(MOST_PAIRS, max(PAIRS, int(CALL_SECONDS / (4 * call_s)))) | 1


def _call(engine: Engine, scope: str, batches: Sequence[list[ImageRecord]], options: NmsOptions) -> Call:
    """A call that runs batch k of the scope; for scope model, the images are loaded beforehand."""
    calls: list[Callable[[], object]]
    if scope == "pipeline":
        laps = StageClock(HostClock())
        calls = [pipeline_call(engine, records, options, laps) for records in batches]
        return lambda number: calls[number % len(calls)]()
    images = [load_batch(records, 0, engine.card.imgsz).images for records in batches]
    return lambda number: engine.infer(images[number % len(images)])


def _batches(images: Sequence[ImageFile], batch: int, seed: int) -> list[list[ImageRecord]]:
    """The batches of a round, with different images in every round."""
    start = seed % len(images)
    taken = [images[(start + k) % len(images)] for k in range(PAIRS * batch)]
    records = [ImageRecord(k, Path(image.path), image.width, image.height) for k, image in enumerate(taken)]
    return [records[k : k + batch] for k in range(0, len(records), batch)]


def main() -> None:
    """Read the job and print one answer per line; output of libraries goes to stderr."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for answer in time_round(msgspec.json.decode(sys.stdin.buffer.read(), type=Job)):
        answers.write(msgspec.json.encode(answer) + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
