"""The request of a profile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..measure.stopping import Criterion
from .accuracy import AccuracyRequest

MAX_STREAMS = 64  # each may get its own engine and thread


@dataclass(frozen=True)
class ProfileRequest:
    """What to measure. `batches` are sizes for throughput, the first also for latency; empty: the model's size or 1.

    `max_batch` limits the search for the largest batch that fits; 0 means no search. `seconds` caps every part.
    """

    model: Path
    out: Path
    engine: str | None = None  # ort for an ONNX file and trt for a plan by default
    device: str = "cpu"
    threads: int | None = None
    images: str | None = None
    batches: tuple[int, ...] = ()
    max_batch: int = 0
    samples: int = 1000
    seconds: float = 10.0
    criterion: Criterion = "stdrel"
    rate_hz: float | None = None
    streams: tuple[int, ...] = ()  # numbers of simultaneous streams, each at `rate_hz` if given
    power_modes: str = ""  # of a Jetson: all, or numbers and names; empty for none
    versus: Path | None = None
    accuracy: AccuracyRequest = AccuracyRequest()


def check_request(request: ProfileRequest) -> None:
    """Raise InputError for values out of range."""
    if request.versus is not None and not request.versus.is_file():
        raise InputError(f"{request.versus}: there is no such file; give an ONNX file or a plan.")
    if not 0 < request.seconds < 1e6 or request.samples < 1:
        raise InputError(f"--seconds {request.seconds} --samples {request.samples}: both must be above 0.")
    if request.rate_hz is not None and not 0 < request.rate_hz < 1e6:
        raise InputError(f"--rate {request.rate_hz}: give calls per second, above 0.")
    if min((*request.streams, 1)) < 1 or max((*request.streams, 1)) > MAX_STREAMS:
        raise InputError(f"--concurrency takes numbers of streams from 1 to {MAX_STREAMS}, for example 1,2,4.")
    if min((*request.batches, 1)) < 1 or request.max_batch < 0:
        raise InputError("--batch and --max-batch take sizes of at least 1.")
