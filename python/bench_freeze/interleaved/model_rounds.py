"""Rounds of a check from model files: each round starts one process that times all open rows."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import TracebackType

import msgspec

from ..check.models import ENGINES, find_model, models_of
from ..check.pairing import RowPair
from ..check.read import CheckedRun
from ..check.rounds import Asked, Key, Timed
from ..engines.availability import engine_device
from ..errors import InputError, MeasurementError
from ..kernels.nms_options import NmsOptions
from ..profile.images import folder_records, pattern_records
from ..results.identity import RowKey
from .job import Answer, ClockName, ImageFile, Job, PairJob

IMAGES = 16
ROUND_SECONDS = 900.0  # a process that takes longer is taken to hang
SEED = 20240131


class ModelRounds:
    """The files of both sides, found by content. A context manager, since it may write images."""

    def __init__(
        self,
        baseline: CheckedRun,
        current: CheckedRun,
        *,
        models: Sequence[Path] = (),
        images: str | None = None,
        clock: ClockName = "cpu",
    ) -> None:
        self._folders = {"baseline": models_of(baseline, models), "current": models_of(current, models)}
        self._keeps = set(baseline.snapshot.models)
        self._threads = baseline.snapshot.settings.get("threads")
        known = {field.name for field in fields(NmsOptions)}
        settings = {**baseline.snapshot.settings, **(baseline.snapshot.settings.get("selection") or {})}
        settings["iou_threshold"] = settings.get("nms_iou_threshold", settings.get("iou_threshold", 0.7))
        self._options = {name: value for name, value in settings.items() if name in known}
        self._images = images
        self._records: list[ImageFile] = []
        self._found: dict[RowKey, tuple[Path, Path] | None] = {}
        self._random = random.Random(SEED)
        self._scratch = tempfile.TemporaryDirectory(prefix="bench-freeze-rounds-")
        self._clock = clock
        is_cpu = clock == "cpu" and all(row.device == "cpu" for row in current.snapshot.rows)
        self.label = f"side by side, {'processor time' if is_cpu else 'wall clock'}"
        self.only_doubtful = False

    def __enter__(self) -> ModelRounds:
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._scratch.cleanup()

    def files(self, pair: RowPair) -> tuple[Path, Path] | None:
        """Both files of a row, or None if one is missing. Raises InputError if the baseline should have kept it."""
        if pair.current.key not in self._found:
            self._found[pair.current.key] = self._find(pair)
        return self._found[pair.current.key]

    def _find(self, pair: RowPair) -> tuple[Path, Path] | None:
        found = [
            find_model(row, self._folders[side])
            for side, row in (("baseline", pair.reference), ("current", pair.current))
        ]
        if found[0] is None and pair.reference.artifact_sha256 in self._keeps:
            raise InputError(
                f"the baseline keeps the model of {pair.reference.title} (sha256 "
                f"{pair.reference.artifact_sha256[:12]}), and it is not in {self._folders['baseline'][-3].folder}; "
                "restore that folder beside the baseline, or give another by --models DIR."
            )
        return None if found[0] is None or found[1] is None else (found[0], found[1])

    def can_time(self, pair: RowPair) -> bool:
        """Whether both files of a row are available."""
        return pair.current.engine in ENGINES and self.files(pair) is not None

    def round(self, asked: Sequence[Asked]) -> Mapping[Key, Timed | str]:
        """One round of every requested row; a sentence for each that could not be timed."""
        if not self._records:
            self._records = self._load_images()
        jobs = [self._job(number, wanted) for number, wanted in enumerate(asked)]
        answers = self._answers(jobs)
        return {
            (asked[answer.number].pair.current.key, answer.scope): (
                answer.error if answer.error is not None else (answer.baseline_s, answer.current_s)
            )
            for answer in answers
        }

    def _job(self, number: int, wanted: Asked) -> PairJob:
        files = self.files(wanted.pair)
        assert files is not None, "only rows that can be timed are requested"
        row = wanted.pair.current
        return PairJob(
            number=number,
            baseline=str(files[0].absolute()),
            current=str(files[1].absolute()),
            engine=row.engine,
            device=engine_device(row.engine, row.device),
            threads=self._threads,
            batch=row.batch,
            scopes=list(wanted.scopes),
        )

    def _answers(self, jobs: list[PairJob]) -> list[Answer]:
        """The answers of one process. If it dies, every row gets a process of its own, which shows the faulty row."""
        try:
            return self._process(jobs)
        except MeasurementError as error:
            if len(jobs) == 1:
                return [Answer(number=jobs[0].number, scope=scope, error=str(error)) for scope in jobs[0].scopes]
            return [answer for job in jobs for answer in self._answers([job])]

    def _process(self, jobs: list[PairJob]) -> list[Answer]:
        seed = self._random.getrandbits(32)
        job = Job(pairs=jobs, images=self._records, options=self._options, seed=seed, clock=self._clock)
        command = [sys.executable, "-m", "bench_freeze.interleaved.worker"]
        try:
            done = subprocess.run(
                command, input=msgspec.json.encode(job), capture_output=True, check=False, timeout=ROUND_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise MeasurementError(f"a round took over {ROUND_SECONDS:g} s and was ended") from None
        lines = done.stdout.splitlines()
        if done.returncode != 0 or len(lines) != sum(len(job.scopes) for job in jobs):
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise MeasurementError(f"the process that times both models ended with {done.returncode}: {last[0][:300]}")
        return [msgspec.json.decode(line, type=Answer) for line in lines]

    def _load_images(self) -> list[ImageFile]:
        records = (
            folder_records(self._images, IMAGES)
            if self._images is not None
            else pattern_records(Path(self._scratch.name), IMAGES)
        )
        return [
            ImageFile(path=str(record.path.absolute()), width=record.width, height=record.height)
            for record in records
            if record.path is not None
        ]
