"""Measure the models of one checkpoint: deploy, run and time each of them once, and keep the results as artifacts."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from msgspec import Struct

from ..artifact import ArtifactStore
from ..config.deployment import Precision
from ..config.study import Study
from ..console import Console, Step
from ..data.dataset import DetectionSet, ImageRecord
from ..deployment.calibration import CalibrationSets
from ..deployment.deployment import Candidate, Deployment, deploy
from ..deployment.latency import SCOPES, LatencyBrokeOff, Measured, Scope, latency_batches, measure_or_keep
from ..deployment.pipeline import HeadDetections, detect, load_detections, save_detections
from ..engines.base import EngineIdentity
from ..environment import machine
from ..evaluate.match_file import MatchFile
from ..kernels.nms_options import NmsOptions
from ..measure.memory import PeakMemory
from ..measure.stopping import StoppingRule
from ..pace import Work
from ..results.identity import RowKey
from ..results.schema import Latencies
from .inputs import Inputs
from .kept_step import kept_step

DETECTIONS = "detections.npz"
LATENCY_METHOD = 2  # increased when the meaning of Measured changes: older artifacts are then measured again


class Ran(Struct, frozen=True):
    """What is stored about a run over a data set in addition to its detections."""

    peak_bytes: int | None
    engine: EngineIdentity


@dataclass(frozen=True)
class Bench:
    """Everything that measurements of a checkpoint's models need; `lineup` collects the deployed models."""

    study: Study
    inputs: Inputs
    store: ArtifactStore
    matches: MatchFile
    lineup: Lineup
    console: Console

    @property
    def selection(self) -> NmsOptions:
        """The study's options for selecting detections."""
        scoring = self.study.scoring
        return NmsOptions(scoring.score_threshold, scoring.nms_iou_threshold, scoring.max_detections)

    def deploy(self, candidate: Candidate, engine: str, precision: Precision, name: str, build: int = 0) -> Deployment:
        """Deploy a model to an engine in a precision; `build` numbers the TensorRT plans of one model."""
        inputs = self.inputs
        calibration = CalibrationSets((inputs.training, inputs.base_set), self.study.deployment.imgsz)
        with self.console.step(f"deploy {name} to {engine} {precision}", work=Work("deploy")) as step:
            deployment, made = deploy(
                candidate,
                engine,
                precision,
                self.study.deployment,
                self.store,
                inputs.parity_images,
                calibration,
                build,
            )
            step.kept = not made
        return deployment

    def detections(
        self, deployment: Deployment, data: DetectionSet, title: str
    ) -> tuple[dict[str, HeadDetections], int | None]:
        """The detections of all heads on a data set, and the peak memory of that run in bytes."""
        study = self.study
        options = self.selection
        key: Mapping[str, object] = {
            **deployment.identity(),
            "data_sha256": data.sha256,
            "imgsz": study.deployment.imgsz,
            "batch": study.deployment.batch,
            "settings": options.key(),
        }

        def build(folder: Path, step: Step) -> Ran:
            engine = deployment.engine()
            with PeakMemory(deployment.device, is_torch=deployment.engine_name == "torch") as memory:
                found = detect(
                    engine,
                    data,
                    options,
                    batch=study.deployment.batch,
                    workers=study.deployment.workers,
                    on_progress=step,
                )
            save_detections(folder / DETECTIONS, found)
            return Ran(memory.peak_bytes, engine.identity)

        work = Work("run", len(data.images))
        kept = kept_step(self.console, self.store, f"run {title}", "detections", key, build, work=work)
        return load_detections(io.BytesIO(kept.read(DETECTIONS))), kept.value(Ran).peak_bytes

    def latencies(self, deployment: Deployment, name: str, doubtful: frozenset[Scope] = frozenset()) -> Latencies:
        """The latencies of both scopes; each is None where the study measures no latency.

        Kept latencies are reused, except for `doubtful` scopes and, with --retime, for scopes that are not VALID.
        """
        study, inputs = self.study, self.inputs
        if study.timing.latency_samples == 0:
            return Latencies(model=None, pipeline=None)
        options = self.selection
        rule = StoppingRule(study.timing.latency_samples, study.timing.latency_seconds)
        key = {
            **deployment.identity(),
            "data_sha256": [inputs.target.sha256, inputs.base_set.sha256],
            "batch": study.deployment.batch,
            "settings": options.key(),
            "rule": asdict(rule),
            "machine": machine(),
            "method": LATENCY_METHOD,
        }
        with self.console.step(f"time {name}", still=True, work=Work("time", len(SCOPES))) as step:
            found = self.store.find("latency", key)
            earlier = None if found is None else found.value(Measured)
            again = doubtful | (earlier.not_valid if earlier is not None and study.timing.retime else frozenset())

            def build(folder: Path) -> Measured:
                engine, scopes = deployment.engine(), again if earlier is not None else SCOPES
                return measure_or_keep(engine, self.timed_batches, options, rule, None, earlier, scopes, step.pulse)

            try:
                kept, made = self.store.produce("latency", key, build, again=bool(again))
            except LatencyBrokeOff as error:  # no artifact, so the next run measures again; the row keeps the samples
                return error.latencies
            step.kept = not made
        return kept.value(Measured).latencies()

    @property
    def timed_batches(self) -> list[list[ImageRecord]]:
        """The images on which latency is measured."""
        return latency_batches((self.inputs.target, self.inputs.base_set), self.study.deployment.batch)


@dataclass(frozen=True)
class Deployed:
    """The model behind a row or an original, and the bench that times it again together with others."""

    bench: Bench
    deployment: Deployment
    name: str


Lineup = dict[RowKey, Deployed]
