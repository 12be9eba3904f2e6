"""One arm's fine-tuned model with all that an analysis of it needs, and what every analysis of it depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..artifact import Artifact, ArtifactStore
from ..config.analysis import AnalysisOptions
from ..config.training import FrozenBatchNorm
from ..console import Console, Step
from ..data.dataset import ImageRecord
from ..data.loader import Batch, load_batches
from ..dualhead.branch import HeadBranch
from ..environment import package_versions
from ..finetune.arm import CHECKPOINT, Arm
from ..kernels.nms_options import NmsOptions
from ..pace import Work
from ..study.bench import Bench
from ..study.inputs import Inputs
from ..study.kept_step import kept_step

BATCH = 8  # of an analysis' own forward passes; the study's batch is the engine's


@dataclass(frozen=True, kw_only=True)
class Trained:
    """An arm after its training."""

    arm: Arm
    tuned: Artifact
    options: AnalysisOptions
    is_analysed: bool  # or of a seed that is not
    frozen_bn: FrozenBatchNorm
    head_branch: HeadBranch  # of heads with two
    selection: NmsOptions
    inputs: Inputs
    store: ArtifactStore
    console: Console

    @classmethod
    def of(cls, bench: Bench, arm: Arm, tuned: Artifact) -> Trained:
        """The model of an arm as the study of a bench trains, answers and selects."""
        study, given = bench.study, bench.inputs.given_arm(arm)
        seeds = study.analysis.analysis_seeds
        return cls(
            arm=arm,
            tuned=tuned,
            options=study.analysis,
            is_analysed=study.analyses(arm.seed) if given is None else given.is_analysed(seeds),
            frozen_bn=study.training.frozen_bn if given is None else tuned.facts["frozen_bn"],
            head_branch=study.deployment.head_branch,
            selection=bench.selection,
            inputs=bench.inputs,
            store=bench.store,
            console=bench.console,
        )

    @property
    def name(self) -> str:
        """For progress lines."""
        return self.arm.name

    @property
    def has_base_accuracy(self) -> bool:
        """Whether there is a base mAP to follow from rung to rung, or to recover."""
        return self.inputs.no_base_accuracy is None

    @property
    def exact_up_to(self) -> int:
        """Layers 0..exact_up_to-1 must be the base's, bit for bit; 0 where frozen statistics were left to drift."""
        return self.arm.freeze if self.frozen_bn == "eval" else 0

    def key(self, *packages: str) -> dict[str, object]:
        """What any comparison of the base with this tuned model by torch depends on; the data sets come on top."""
        return {
            "base_sha256": self.inputs.base.sha256,
            "tuned_sha256": self.tuned.sha256(CHECKPOINT),
            "freeze": self.arm.freeze,
            "frozen_bn": self.frozen_bn,
            "imgsz": self.options.imgsz,
            "device": self.options.device,
            "versions": package_versions("torch", "ultralytics", *packages),
        }

    def kept_step(
        self, title: str, kind: str, inputs: Mapping[str, object], build: Callable[[Path, Step], object]
    ) -> Artifact:
        """As `study.kept_step`, in this study's store and on its console."""
        return kept_step(self.console, self.store, title, kind, inputs, build, work=Work(kind))

    def batches(self, images: tuple[ImageRecord, ...]) -> Iterator[Batch]:
        """Letterboxed images, read ahead."""
        return load_batches(images, imgsz=self.options.imgsz, batch=BATCH, workers=self.options.workers)
