"""What a profile measures: a file, the engine that runs it here, and a plan that is built if none fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..artifact import ArtifactStore
from ..engines.abilities import HasNotes
from ..engines.availability import engine_device, require_engine
from ..engines.base import Engine, ModelCard, Spin
from ..engines.cuda_device import cuda_device
from ..engines.onnx_file import is_onnx
from ..engines.open import open_exported
from ..engines.plan_file import misfit, onnx_of, read_plan, side_car_path
from ..engines.tensorrt_family import runtime_member
from ..errors import InputError
from ..export.builder import PlanOptions
from ..export.plan import PLAN, produce_plan
from ..files import Facts, file_sha256

PLANS = "plans"  # the folder beside the profile with plans that were built for it


@dataclass(frozen=True)
class Source:
    """A file that an engine runs on this machine. `why` says how it was made, if it is not the given file."""

    engine: str
    file: Path
    device: str
    why: str = ""

    def open(self, threads: int | None = None, spin: Spin = "always") -> Engine:
        """Load the engine anew; `spin` sets how its threads wait beside other working engines of the process."""
        return open_exported(self.engine, self.file, self.device, threads, spin=spin)


def locate(path: Path, engine: str | None, device: str, plans: Path, note: Callable[[str], None]) -> Source:
    """What runs `path` here: an ONNX file or the plan that is built from it, or a plan that fits this machine.

    If a plan does not fit, it is built again from the ONNX file beside it and kept in `plans` by its content. Raises
    InputError, with the reason, if there is no such ONNX file, and for any other file.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; give an ONNX file of bench-freeze export, or a plan.")
    is_onnx = _is_onnx(path)
    engine = engine or ("ort" if is_onnx else "trt")
    if not is_onnx and engine != "trt":
        raise InputError(f"{path} is not an ONNX file, so engine {engine} cannot run it; use --engine trt for a plan.")
    require_engine(engine, device)
    device = engine_device(engine, device)
    if engine != "trt":
        return Source(engine, path, device)
    if is_onnx:
        return Source(engine, _build(path, options_here(device, {}), plans, note), device, f"built from {path.name}")
    reason = _misfit(path, device)
    if reason is None:
        return Source(engine, path, device)
    plan = read_plan(path).plan
    onnx = onnx_of(path, plan) if plan is not None else None
    if plan is None or onnx is None:
        raise InputError(
            f"{path} does not fit this machine: {reason}; put the ONNX that it was built from beside it, and it is "
            "built again."
        )
    note(f"{path.name} does not fit this machine: {reason}")
    built = _build(onnx, options_here(device, plan.flags), plans, note)
    return Source(
        engine, built, device, f"built from {onnx.name}, since {path.name} does not fit this machine: {reason}"
    )


def _is_onnx(path: Path) -> bool:
    """Whether the content is ONNX. If it is neither ONNX nor a plan, the name decides, and its reader refuses it."""
    return is_onnx(path) or (path.suffix == ".onnx" and not side_car_path(path).is_file())


def model_facts(source: Source, card: ModelCard) -> dict[str, object]:
    """The profile's facts about the file that ran, and about its plan."""
    facts: dict[str, object] = {
        "file": source.file.name,
        "sha256": file_sha256(source.file),
        "bytes": source.file.stat().st_size,
        "heads": [head.name for head in card.heads],
        "imgsz": card.imgsz,
        "batch": card.batch,
    }
    if source.engine == "trt":
        plan = read_plan(source.file).plan
        known = {} if plan is None else {"onnx_sha256": plan.onnx_sha256, "target": plan.target, "flags": plan.flags}
        built = None if plan is None else plan.build_s
        facts["plan"] = {"sha256": facts["sha256"], "why": source.why, "build_s": built, **known}
    return facts


def file_notes(engine: Engine) -> tuple[str, ...]:
    """Sentences about effects of the file on its numbers, such as detections that it drops."""
    return engine.notes if isinstance(engine, HasNotes) else ()


def kept_notes(engine: Engine) -> dict[str, list[str]]:
    """The same notes as an entry of the profile's settings; empty without notes."""
    notes = file_notes(engine)
    return {"notes": list(notes)} if notes else {}


def options_here(device: str, flags: Facts) -> PlanOptions:
    """The options to build a plan on this machine, with the flags of the plan that it replaces."""
    batches = flags.get("batch_profile")
    return PlanOptions(
        device=device,
        workspace_mb=flags.get("workspace_mb"),
        batch_profile=tuple(batches) if batches else None,
        dla_core=flags.get("dla_core"),
    )


def _build(onnx: Path, options: PlanOptions, plans: Path, note: Callable[[str], None]) -> Path:
    note(f"plan of {onnx.name}, which takes a while the first time")
    artifact, made = produce_plan(onnx, options, ArtifactStore(plans))
    if not made:
        note("plan reused")
    return artifact.path(PLAN)


def _misfit(path: Path, device: str) -> str | None:
    plan = read_plan(path).plan
    if plan is None:  # a plan of Ultralytics names neither GPU nor TensorRT, so TensorRT itself must refuse it
        return None
    trt = runtime_member(plan.title)
    return misfit(plan, trt.member.title, trt.version, cuda_device(device).capability)
