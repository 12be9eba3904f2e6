"""One arm's fine-tuned model with everything that its analyses need and depend on."""

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

BATCH = 8  # for the forward passes of analyses; the study's batch size is for engines


@dataclass(frozen=True, kw_only=True)
class Trained:
    """An arm after its training."""

    arm: Arm
    tuned: Artifact
    options: AnalysisOptions
    is_analysed: bool  # False: the study does not analyse this seed
    frozen_bn: FrozenBatchNorm
    head_branch: HeadBranch  # the branch to read if a head has two
    selection: NmsOptions
    inputs: Inputs
    store: ArtifactStore
    console: Console

    @classmethod
    def of(cls, bench: Bench, arm: Arm, tuned: Artifact) -> Trained:
        """The model of an arm, with the settings of the bench's study."""
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
        """The arm's name, for progress lines."""
        return self.arm.name

    @property
    def has_base_accuracy(self) -> bool:
        """Whether base mAP can be measured, for the ladder and for recovery."""
        return self.inputs.no_base_accuracy is None

    @property
    def exact_up_to(self) -> int:
        """Layers 0..exact_up_to-1 must equal the base's bit for bit; 0 if frozen statistics were free to drift."""
        return self.arm.freeze if self.frozen_bn == "eval" else 0

    def key(self, *packages: str) -> dict[str, object]:
        """What every comparison of the base with this tuned model in torch depends on, except the data sets."""
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
