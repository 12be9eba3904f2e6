"""`bench-freeze profile`: measure one ONNX file or plan on this machine."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import numpy as np

from .. import __version__
from ..data.loader import load_batch
from ..deployment.latency import (
    DISTINCT_BATCHES,
    latency_of,
    measure_latency,
)
from ..deployment.pipeline import detect
from ..engines.base import Engine
from ..environment import environment
from ..errors import InputError, MeasurementError
from ..evaluate.match_file import MatchFile
from ..files import write_whole
from ..kernels.nms_options import NmsOptions
from ..measure.clock import HostClock
from ..measure.regimes import sample_cold, sample_paced
from ..measure.sampler import SamplingFailed, sample_latency
from ..measure.stats import LatencyStats
from ..measure.stopping import StoppingRule
from ..measure.telemetry.energy import MIN_WINDOW_SECONDS, measure_energy
from ..measure.telemetry.machine import MachineTelemetry
from ..measure.throughput import doubling, largest_batch, throughput_curve
from ..measure.verdict import UNREMARKABLE
from ..results.profile import (
    BatchThroughput,
    ColdStart,
    LargestBatch,
    PacedLatency,
    Profile,
    encode_profile,
)
from ..results.schema import Latencies, MatchFileFacts
from ..results.sealing import seal
from ..user_files import check_target, writing
from .accuracy import ScoredSet, match_file_of, read_sets, score_set
from .batches import IN_FLIGHT, BatchFits, batch_call, batch_of, overlapped_call
from .concurrency import NotOpened, Setup, loads_of, measure_load
from .images import given_images, images_of
from .power import AskedModes, asked_modes, measure_modes, with_front
from .request import ProfileRequest, check_request
from .source import PLANS, Source, file_notes, kept_notes, locate, model_facts
from .versus import compare

COLD_REPEATS = 3


def profile_model(request: ProfileRequest, command: Sequence[str], note: Callable[[str], None]) -> Profile:
    """Measure part after part, and write `request.out` after each. Raises InputError or MeasurementError.

    After a MeasurementError the file has the earlier parts, the samples taken and the reason.
    """
    check_request(request)
    # Waiting threads of a second session spin and would slow the timed one, so compared models get one thread each.
    threads = 1 if request.versus is not None and request.threads is None else request.threads
    check_target(request.out, "--out")
    modes = asked_modes(request.power_modes)
    source = locate(request.model, request.engine, request.device, request.out.absolute().parent / PLANS, note)
    engine = source.open(threads)
    try:
        for sentence in file_notes(engine):
            note(f"{source.file.name}: {sentence}")
        sets = read_sets(request.accuracy, engine.card, note)
        with tempfile.TemporaryDirectory() as folder:
            return _Profiler(request, command, note, source, engine, sets, modes, Path(folder)).run()
    finally:
        engine.close()


class _Profiler:
    """One profile under construction; its parts are listed in the order in which they run."""

    def __init__(
        self,
        request: ProfileRequest,
        command: Sequence[str],
        note: Callable[[str], None],
        source: Source,
        engine: Engine,
        sets: list[ScoredSet],
        modes: AskedModes | None,
        folder: Path,
    ) -> None:
        card, fixed = engine.card, engine.card.batch
        wrong = [size for size in request.batches if fixed is not None and size != fixed]
        if wrong or (fixed is not None and request.max_batch):
            raise InputError(
                f"{request.model} takes batches of {fixed} only; export it with --dynamic-batch to choose the size."
            )
        self._request, self._note, self._engine = request, note, engine
        self._source, self._sets, self._modes = source, sets, modes
        self._clock = HostClock()
        self._rule = StoppingRule(request.samples, request.seconds, criterion=request.criterion)
        self._telemetry = MachineTelemetry(source.device, engine.identity.threads)
        batch = fixed or (request.batches[0] if request.batches else 1)
        images = given_images(request.images, batch, folder) if request.images or not sets else images_of(sets, batch)
        self._batches = images.batches
        self._images = np.concatenate([load_batch(records, 0, card.imgsz).images for records in self._batches[:4]])
        self._profile = Profile(
            bench_freeze=__version__,
            command=shlex.join(command),
            finished=False,
            model=model_facts(source, card),
            engine=asdict(engine.identity),
            batch=batch,
            images=f"{batch * DISTINCT_BATCHES} in turn, {images.words}",
            settings={"rule": asdict(self._rule), "selection": NmsOptions().key(), **kept_notes(engine)},
            environment=environment(),
            missing=dict(self._telemetry.missing),
        )

    def run(self) -> Profile:
        """Measure every requested part."""
        parts: list[tuple[str, Callable[[], None]]] = [
            ("accuracy", self._accuracy),
            ("latency, back to back", self._sustained),
            ("cold start", self._cold),
            ("latency, paced", self._paced),
            ("streams", self._streams),
            ("throughput", self._throughput),
            ("energy", self._energy),
            ("power modes", self._power_modes),
            ("comparison", self._versus),
        ]
        for name, part in parts:
            try:
                part()
            except (InputError, OSError):  # a wrong request or a full disk: not the engine's fault
                raise
            except Exception as error:  # each engine raises its own classes when its device fails
                self._profile.failure = f"{name}: {' '.join(str(error).split())}"
                if isinstance(error, SamplingFailed):
                    self._profile.partial = latency_of(error.partial, UNREMARKABLE, 1)
                self._write()
                raise MeasurementError(
                    f"{self._profile.failure}; what was measured before is in {self._request.out}."
                ) from error
            self._write()
        self._profile.finished = True
        self._write()
        return self._profile

    def _write(self) -> None:
        with writing(self._request.out, "--out"):
            write_whole(self._request.out, seal(encode_profile(self._profile)))

    def _accuracy(self) -> None:
        options, matches = NmsOptions(), MatchFile()
        for scored in self._sets:
            self._note(f"{scored.role} set: {len(scored.data.images)} images")
            found = detect(self._engine, scored.data, options, batch=self._profile.batch)
            self._profile.accuracy.append(score_set(found, scored, options, matches))
            self._profile.matches = MatchFileFacts(**matches.write(match_file_of(self._request.out)))
            self._write()

    def _sustained(self) -> None:
        self._note("latency, back to back: the engine alone, then the whole pipeline")
        measured = measure_latency(self._engine, self._batches, NmsOptions(), self._rule, on_scope=self._scope_done)
        self._profile.latency = measured.latencies()

    def _scope_done(self, scope: str, stats: LatencyStats) -> None:
        kept = {scope: latency_of(stats, UNREMARKABLE, len(self._batches))}
        self._profile.latency = Latencies(model=kept.get("model"), pipeline=kept.get("pipeline"))

    def _cold(self) -> None:
        self._note("cold start: loading and first calls")
        images = self._images[: self._profile.batch]

        def load() -> tuple[Callable[[], object], Callable[[], object]]:
            engine = self._source.open(self._engine.identity.threads)
            return lambda: engine.infer(images), engine.close

        cold = sample_cold(load, self._clock, COLD_REPEATS)
        self._profile.cold = ColdStart(
            load_s=list(cold.load_s), first_call_s=list(cold.first_s), second_call_s=list(cold.second_s)
        )

    def _paced(self) -> None:
        rate_hz = self._request.rate_hz
        if rate_hz is None:
            return
        self._note(f"latency, paced at {rate_hz:g} Hz")
        before = self._telemetry.read()
        paced = sample_paced(self._call(), self._clock, self._rule, rate_hz)
        conditions = self._telemetry.conditions(before, self._telemetry.read())
        self._profile.paced = PacedLatency(
            rate_hz=rate_hz,
            periods=paced.periods,
            missed=paced.missed,
            latency=latency_of(paced.stats, conditions, 1),
        )

    def _streams(self) -> None:
        request, source = self._request, self._source
        setup = Setup(
            lambda threads: source.open(threads, spin="within calls"),
            batch_of(self._images, self._profile.batch),
            self._clock,
            self._rule,
            self._telemetry,
        )
        for load in loads_of(request.streams, request.rate_hz, request.seconds):
            self._note(f"{load.streams} stream(s) on {load.engines} engine(s)")
            try:
                served = measure_load(load, load.threads(request.threads, source.device), setup)
            except NotOpened as error:
                self._profile.missing[f"{load.streams} streams on {load.engines} engines"] = str(error)
                continue
            self._profile.streams.append(served)
            self._write()

    def _throughput(self) -> None:
        sizes: Sequence[int] = self._request.batches
        if self._request.max_batch:
            self._note("largest batch that fits")
            fits = BatchFits(self._engine, self._images)
            found = largest_batch(fits, self._request.max_batch)
            self._profile.largest_batch = LargestBatch(
                batch=found, limit=self._request.max_batch, limited_by=fits.limited_by
            )
            sizes = sizes or (doubling(found) if found else ())
        if len(sizes) < 2 and not self._request.max_batch:
            return
        self._note(f"throughput at batches of {', '.join(map(str, sizes))}")
        for size in sizes:
            before = self._telemetry.read()
            (point,) = throughput_curve(self._call_of, [size], self._clock, self._rule)
            conditions = self._telemetry.conditions(before, self._telemetry.read())
            latency = latency_of(point.stats, conditions, 1)
            self._profile.throughput.append(
                BatchThroughput(
                    batch=size,
                    images_per_s=point.images_per_s,
                    latency=latency,
                    overlapped_images_per_s=self._overlapped(size),
                )
            )
            self._write()

    def _overlapped(self, batch: int) -> float | None:
        call = overlapped_call(self._engine, self._images, batch)
        median = sample_latency(call, self._clock, self._rule).percentile_s(50) if call is not None else None
        return IN_FLIGHT * batch / median if median else None

    def _energy(self) -> None:
        with self._telemetry.energy_counter() as counter:
            if counter is None:
                self._profile.missing["energy"] = "no counter on this machine covers the device"
                return
            self._note("energy: an idle window, then windows of calls")
            energy = measure_energy(self._call(), counter, self._clock, window_s=MIN_WINDOW_SECONDS)
        self._profile.energy = energy

    def _power_modes(self) -> None:
        if self._modes is None:
            return
        keep = self._request.out.absolute().with_suffix(".clocks")
        machine = (self._clock, self._rule, self._telemetry, keep)
        with closing(measure_modes(self._modes, self._call(), *machine, self._note)) as measured:
            for figures in measured:
                self._profile.power_modes = with_front([*self._profile.power_modes, figures])
                self._write()

    def _versus(self) -> None:
        path, request = self._request.versus, self._request
        if path is None:
            return
        self._note(f"comparison with {path.name}, interleaved")
        plans = request.out.absolute().parent / PLANS
        engine = request.engine if path.suffix == request.model.suffix else None
        other = locate(path, engine, request.device, plans, self._note)
        batch = self._profile.batch
        self._profile.versus = compare(self._engine, self._call(), other, self._batches[0], batch, self._clock, request)

    def _call(self) -> Callable[[int], object]:
        return self._call_of(self._profile.batch)

    def _call_of(self, batch: int) -> Callable[[int], object]:
        return batch_call(self._engine, self._images, batch)
