"""Candidates and their deployment: the models to deploy, and the artifacts and engines that run them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..artifact import Artifact, ArtifactStore
from ..config.deployment import DeploymentOptions, Precision
from ..dualhead.branch import DEFAULT, HeadBranch, branch_key, stated_branch
from ..dualhead.checkpoint import Checkpoint
from ..engines.availability import PACKAGES, engine_device, letterbox_device
from ..engines.base import Engine, Head, HeadName, ModelCard, Spin
from ..engines.open import open_exported
from ..environment import machine, package_version, package_versions
from ..export.builder import PlanOptions
from ..export.onnx_export import MODEL, export_onnx
from ..export.parity import compare_in_batches
from ..export.plan import PLAN, produce_plan
from ..export.precision import convert_precision
from ..export.quantize import Int8Settings
from ..files import Facts
from ..results.inputs import BaseOutput
from .calibration import CalibrationSets
from .unchanged import produce_base_output

if TYPE_CHECKING:
    from torch.nn import Module


@dataclass(frozen=True)
class Candidate:
    """A model to deploy: the original detector, a plain tuned one, or a dual-head model of both."""

    construction: str  # original, plain, branched, grafted
    base: Checkpoint
    tuned: Checkpoint | None = None
    freeze: int | None = None
    head_branch: HeadBranch = DEFAULT  # for heads that have two

    @property
    def branch(self) -> HeadBranch | None:
        """The branch of the heads that is used; None for heads that have only one."""
        return stated_branch((self.tuned or self.base).model, self.head_branch)

    @property
    def graft_at(self) -> int | None:
        """The first layer that the heads do not share; None unless this is a dual-head model."""
        if self.construction in ("original", "plain") or self.freeze is None:
            return None
        from ..dualhead.model import graft_position

        return graft_position(self.construction, self.freeze, self.base.layers)

    @property
    def keeps_base(self) -> bool:
        """Whether the heads share only frozen layers, so that the base output must equal the original's."""
        return self.graft_at is not None and self.freeze is not None and self.graft_at <= self.freeze

    def identity(self) -> dict[str, object]:
        """Everything that the model's outputs depend on.

        The construction is not included: with the whole neck frozen, branched and grafted are the same model.
        """
        return {
            "graft_at": self.graft_at,
            "base_sha256": None if self.construction == "plain" else self.base.sha256,
            "tuned_sha256": self.tuned.sha256 if self.tuned is not None else None,
            **branch_key(self.head_branch, *(checkpoint.model for checkpoint in self._checkpoints.values())),
        }

    @property
    def _checkpoints(self) -> dict[HeadName, Checkpoint]:
        """The checkpoints by the names of their heads."""
        base = {"base": self.base} if self.construction != "plain" else {}
        return base | ({"target": self.tuned} if self.tuned is not None else {})  # type: ignore[return-value]

    @cached_property
    def _detectors(self) -> dict[HeadName, Module]:
        from ..dualhead.model import prepare_for_inference

        return {name: prepare_for_inference(c.model, self.head_branch) for name, c in self._checkpoints.items()}

    def module(self) -> Module:
        """The torch module, ready for inference."""
        from ..dualhead.model import DualHead, SingleHead

        if self.graft_at is None:
            return SingleHead(next(iter(self._detectors.values()))).eval()
        return DualHead(self._detectors["base"], self._detectors["target"], self.graft_at).eval()

    def alone(self, head: HeadName, imgsz: int) -> tuple[Module, ModelCard]:
        """The detector of one head of a dual-head model, without the other, and its card."""
        from ..dualhead.model import SingleHead

        card = self.card(imgsz, None)
        own = tuple(one for one in card.heads if one.name == head)
        return SingleHead(self._detectors[head]).eval(), replace(card, heads=own, graft_at=None)

    def card(self, imgsz: int, batch: int | None) -> ModelCard:
        """The description that the deployed file carries."""
        from ..dualhead.model import head_kind

        heads = tuple(
            Head(name, checkpoint.class_names, head_kind(self._detectors[name]))  # type: ignore[arg-type]
            for name, checkpoint in self._checkpoints.items()
        )
        return ModelCard(heads, imgsz, batch, self.graft_at)


class Deployment:
    """One candidate on one engine. The artifact exists from the start; the engine starts when it is first needed."""

    def __init__(
        self,
        candidate: Candidate,
        engine: str,
        options: DeploymentOptions,
        onnx: Artifact | None,
        plan: Artifact | None,
        weights_sha256: str,
        base_output: BaseOutput | None = None,
    ) -> None:
        self.engine_name = engine
        self.device = engine_device(engine, options.device)
        self.letterbox = letterbox_device(engine)
        self.onnx = onnx  # in the precision that runs
        self.plan = plan
        self.weights_sha256 = weights_sha256
        self.base_output = base_output  # how it was compared, for a model that keeps the original's
        self._options = options
        # An exported model runs from its file, so its weights need not stay in memory.
        self._candidate = candidate if self._deployed is None else None
        self._engine: Engine | None = None

    def identity(self) -> dict[str, object]:
        """Everything that detections depend on: the deployed bytes and the engine that runs them."""
        deployed = self._deployed
        return {
            "model": deployed[0].sha256(deployed[1]) if deployed is not None else self._unexported.identity(),
            "engine": self.engine_name,
            "version": package_version(PACKAGES[self.engine_name]),
            "device": self.device,
            "gpus": machine()["gpus"] if self.device.startswith("cuda") else [],
            **({"letterbox": self.letterbox} if self.letterbox != "cpu" else {}),
        }

    @property
    def _deployed(self) -> tuple[Artifact, str] | None:
        """The artifact and the file that runs; None for the torch engine."""
        if self.plan is not None:
            return self.plan, PLAN
        return (self.onnx, MODEL) if self.onnx is not None else None

    def engine(self) -> Engine:
        """The running engine, started on first use."""
        if self._engine is None:
            self._engine = self._open()
        return self._engine

    def open_beside(self) -> Engine:
        """Open another engine of the same model, to be loaded alongside other models; the caller closes it."""
        return self._open("within calls")

    def close(self) -> None:
        """Free the engine if it was started."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    @property
    def file(self) -> str | None:
        """The deployed file relative to the store's folder; None for the torch engine."""
        return None if self._deployed is None else f"{self._deployed[0].folder.name}/{self._deployed[1]}"

    @property
    def _unexported(self) -> Candidate:
        assert self._candidate is not None, "only what is not exported runs as a module"
        return self._candidate

    def _open(self, spin: Spin = "always") -> Engine:
        if (deployed := self._deployed) is not None:
            return open_exported(self.engine_name, deployed[0].path(deployed[1]), self._options.device, spin=spin)
        from ..engines.torch_engine import TorchEngine

        candidate, options = self._unexported, self._options
        return TorchEngine(candidate.module(), candidate.card(options.imgsz, None), options.device)

    @property
    def size_bytes(self) -> int:
        """Bytes of the deployed ONNX file or plan, or of the module's tensors for the torch engine."""
        if self._deployed is not None:
            artifact, name = self._deployed
            return int(artifact.files[name]["bytes"])
        module = self._unexported.module()
        return sum(t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers()))


def deploy(
    candidate: Candidate,
    engine: str,
    precision: Precision,
    options: DeploymentOptions,
    store: ArtifactStore,
    parity_images: NDArray[np.float32],
    calibration: CalibrationSets,
    build: int = 0,
) -> tuple[Deployment, bool]:
    """Deploy a candidate on an engine in a precision; return the deployment and whether a new artifact was made.

    `parity_images` [N, 3, S, S] are the real images on which the export must agree with torch, head by head. `build` is
    the number of the plan, for a model that is built several times. Raises AuditError where the models disagree.
    """
    weights = candidate.tuned or candidate.base
    onnx, plan, base_output, made = None, None, None, []
    if engine != "torch":
        onnx, new = export_candidate(candidate, options, store, parity_images)
        made.append(new)
    if candidate.keeps_base:
        base_output, new = produce_base_output(candidate, options.imgsz, parity_images, onnx, store)
        made.append(new)
    if onnx is not None:
        if precision != "fp32":
            onnx, new = convert_onnx(onnx, precision, options, store, calibration)
            made.append(new)
        if engine == "trt":
            device = engine_device(engine, options.device)
            plan_options = PlanOptions(device=device, batch_profile=options.dynamic_batch)
            plan, new = produce_plan(onnx.path(MODEL), plan_options, store, build)
            made.append(new)
    return Deployment(candidate, engine, options, onnx, plan, weights.sha256, base_output), any(made)


def convert_onnx(
    onnx: Artifact, precision: Precision, options: DeploymentOptions, store: ArtifactStore, calibration: CalibrationSets
) -> tuple[Artifact, bool]:
    """Convert an exported model to another precision; return the artifact and whether it is new."""
    settings = Int8Settings(options.calibration, options.int8_last_layers)
    inputs: Mapping[str, object] = {
        "onnx_sha256": onnx.sha256(MODEL),
        "precision": precision,
        "images": calibration.identity(),
        "int8": asdict(settings) if precision == "int8" else None,
        "versions": package_versions("onnx", "onnxruntime"),
    }

    def build(folder: Path) -> Facts:
        return convert_precision(onnx.path(MODEL), folder / MODEL, precision, calibration.load(), settings)

    return store.produce(f"onnx_{precision}", inputs, build)


def export_candidate(
    candidate: Candidate, options: DeploymentOptions, store: ArtifactStore, parity_images: NDArray[np.float32]
) -> tuple[Artifact, bool]:
    """Export a candidate to a checked ONNX artifact; return the artifact and whether it is new."""
    batch = None if options.dynamic_batch else options.batch
    inputs: Mapping[str, object] = {
        **candidate.identity(),
        "imgsz": options.imgsz,
        "batch": batch,
        "opset": options.opset,
        "versions": package_versions("torch", "ultralytics", "onnx", "onnxscript"),
    }

    def build(folder: Path) -> dict[str, object]:
        return export_checked(candidate, folder / MODEL, options.imgsz, batch, options.opset, parity_images)

    return store.produce("onnx", inputs, build)


def export_checked(
    candidate: Candidate, path: Path, imgsz: int, batch: int | None, opset: int, parity_images: NDArray[np.float32]
) -> Facts:
    """Export to `path` and compare with torch on real images; return the card and the differences.

    Raises AuditError when a head differs beyond the bound. Without ONNX Runtime the export cannot be compared; the
    facts then have `parity` None.
    """
    from ..engines.torch_engine import TorchEngine

    card = candidate.card(imgsz, batch)
    module = candidate.module()
    export_onnx(module, card, path, opset=opset)
    facts: Facts = {"card": card.to_dict(), "opset": opset, "head_branch": candidate.branch, "parity": None}
    if package_version("onnxruntime") is not None:
        from ..engines.ort_engine import OrtEngine

        # A model with a fixed batch takes the images in portions of that size, otherwise all at once.
        source, exported = TorchEngine(module, card, "cpu"), OrtEngine(path, "cpu")
        worst = compare_in_batches(source, exported, parity_images, batch)
        facts["parity"] = {"images": len(parity_images), "heads": [asdict(d) for d in worst]}
    return facts
