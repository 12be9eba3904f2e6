"""Open a model from any of its forms (a file, a shipped folder, an output folder) as a running engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..config.deployment import EngineName
from ..dualhead.branch import HeadBranch
from ..engines.availability import engine_device, require_engine
from ..engines.base import Engine
from ..engines.onnx_file import is_onnx
from ..engines.open import open_exported
from ..engines.plan_file import side_car_path
from ..errors import InputError
from ..files import file_sha256
from ..kernels.nms_options import NmsOptions
from ..profile.source import locate
from ..report.documents import RESULTS, read_document
from ..results.schema import Results
from ..results.shipped import BEST, MODEL_JSON, Shipped, ShippedHead, read_shipped
from ..user_files import is_folder

ENGINES: tuple[EngineName, ...] = ("torch", "ort", "ort-trt", "trt")
PLANS = "plans"  # the folder beside a model with the plans that were built from it on this machine
_CHECKPOINTS = (".pt", ".pth")
_PLANS = (".plan", ".engine", ".trt", ".onnx")  # the reader refuses a file whose content does not match its name
_GIVE = "give an ONNX file, a plan, a .pt checkpoint, a folder that was shipped, or the output folder of a run"


@dataclass(frozen=True)
class Wanted:
    """How to run a model. None means the study's setting, or ONNX Runtime on the CPU without a study."""

    engine: str | None = None
    device: str | None = None
    threads: int | None = None
    imgsz: int | None = None  # for checkpoints, which take any size
    trust_checkpoint: bool = False


@dataclass(frozen=True)
class Opened:
    """A running engine with its study's selection, and its heads if a model.json describes them."""

    engine: Engine
    selection: NmsOptions
    heads: dict[str, ShippedHead]
    batch: int  # images in one call


def check_model(path: Path) -> None:
    """Raise InputError if the path does not exist or holds nothing that can be run. Loads nothing."""
    if is_folder(path):
        _shipped_folder(path)
    elif not path.is_file():
        raise InputError(f"{str(path)[:300]}: there is no such model; {_GIVE}.")


def open_model(path: Path, wanted: Wanted, note: Callable[[str], None]) -> Opened:
    """Open a model. Raises InputError, with the reason, if it cannot run here."""
    check_model(path)
    if wanted.engine is not None and wanted.engine not in ENGINES:
        raise InputError(f"engine '{wanted.engine}' is not known; use {', '.join(ENGINES)}.")
    if is_folder(path):
        return _open_shipped(_shipped_folder(path), None, wanted, note)
    if path.suffix.lower() in _CHECKPOINTS:
        return _open_checkpoint(path, wanted)
    if wanted.imgsz is not None:
        raise InputError(f"imgsz = {wanted.imgsz} is for a .pt checkpoint; {path} has its image size inside.")
    beside = path.parent / MODEL_JSON
    if beside.is_file() and path.name in (file.file for file in read_shipped(path.parent).files.values()):
        return _open_shipped(path.parent, path, wanted, note)
    engine = _open_file(path, wanted.engine, wanted.device or "cpu", wanted.threads, note)
    return Opened(engine, NmsOptions(), {}, engine.card.batch or 1)


def _shipped_folder(path: Path) -> Path:
    """The folder that has the model.json: the given one, or an output folder's `best`."""
    if (path / MODEL_JSON).is_file():
        return path
    if not (path / RESULTS).is_file():
        raise InputError(f"{path} has neither {MODEL_JSON} nor {RESULTS}; {_GIVE}.")
    results = read_document(path / RESULTS)
    if not isinstance(results, Results) or not results.finished:
        raise InputError(f"{path}: its run did not finish, so nothing is chosen yet; run its command again.")
    folder = path / (results.best or BEST)  # `ship` may write it after the run, without changing the results
    if not (folder / MODEL_JSON).is_file():
        raise InputError(f"{path} has no folder with the model that it recommends; bench-freeze ship {path} writes it.")
    return folder


def _open_shipped(folder: Path, file: Path | None, wanted: Wanted, note: Callable[[str], None]) -> Opened:
    """Open a shipped model with its study's engine or another that its files support; `file` is the one named, if
    any."""
    shipped = read_shipped(folder)
    if wanted.imgsz not in (None, shipped.imgsz):
        raise InputError(f"imgsz = {wanted.imgsz}: the model in {folder} takes {shipped.imgsz}; leave it out.")
    if shipped.engine not in ENGINES:
        raise InputError(
            f"{folder / MODEL_JSON} names the engine '{shipped.engine[:40]}', which is not known; ship again."
        )
    of_study = shipped.engine if file is None else None
    name = wanted.engine or of_study
    device = wanted.device or (str(shipped.identity.get("device", "cpu")) if name == shipped.engine else "cpu")
    if name == "torch":
        engine = _torch_engine(folder, shipped, device, trust=wanted.trust_checkpoint)
    else:
        role = "plan" if name == "trt" and "plan" in shipped.files else "onnx"
        if file is None and role not in shipped.files:
            raise InputError(f"{folder} has no ONNX file, since its study ran torch; use --engine torch.")
        engine = _open_file(file or _verified(folder, shipped, role), name, device, wanted.threads, note)
    known = {head.name: tuple(head.class_names) for head in shipped.heads}
    if known != {str(head.name): head.class_names for head in engine.card.heads}:
        engine.close()
        raise InputError(f"{folder / MODEL_JSON} names other heads or classes than the model has; ship it again.")
    selected = shipped.selection
    return Opened(
        engine,
        NmsOptions(selected.score_threshold, selected.nms_iou_threshold, selected.max_detections),
        {head.name: head for head in shipped.heads},
        engine.card.batch or shipped.batch,
    )


def _open_file(path: Path, engine: str | None, device: str, threads: int | None, note: Callable[[str], None]) -> Engine:
    """Open an ONNX file or a plan. Between calls its threads yield the cores to reading and writing."""
    if engine == "torch":
        raise InputError(f"engine torch runs checkpoints, and {path} is not one; use --engine ort.")
    if not (is_onnx(path) or path.suffix.lower() in _PLANS or side_car_path(path).is_file()):
        raise InputError(f"{path} is neither an ONNX file nor a plan; {_GIVE}.")
    source = locate(path, engine, device, path.parent / PLANS, note)
    return open_exported(source.engine, source.file, source.device, threads, spin="within calls")


def _verified(folder: Path, shipped: Shipped, role: str) -> Path:
    """A file of a shipped folder. Raises InputError if its content changed since it was shipped."""
    known = shipped.files.get(role)
    if known is None:
        raise InputError(f"{folder} has no {role}.pt, which engine torch needs for both heads; use --engine ort.")
    path = folder / known.file
    if not path.is_file():
        raise InputError(f"{path} is missing; bench-freeze ship writes the folder again.")
    if file_sha256(path) != known.sha256:
        raise InputError(f"{path} is not the file that {MODEL_JSON} describes; bench-freeze ship writes it again.")
    return path


def _torch_engine(folder: Path, shipped: Shipped, device: str, *, trust: bool) -> Engine:
    """Rebuild the study's module from the same checkpoints."""
    require_engine("torch", device)
    from ..deployment.deployment import Candidate
    from ..dualhead.checkpoint import load_checkpoint
    from ..dualhead.quiet import quiet_ultralytics
    from ..engines.torch_engine import TorchEngine

    quiet_ultralytics()
    construction, freeze = str(shipped.identity.get("construction")), shipped.identity.get("freeze")
    if construction not in ("plain", "branched", "grafted") or not isinstance(freeze, int):
        raise InputError(
            f"{folder / MODEL_JSON} does not say how the model is made from its checkpoints; ship it again."
        )
    tuned = load_checkpoint(_verified(folder, shipped, "tuned"), own=True)
    base = tuned if construction == "plain" else load_checkpoint(_verified(folder, shipped, "base"), trust=trust)
    branch: HeadBranch = "one2one" if shipped.head_branch == "one2one" else "one2many"
    candidate = Candidate(construction, base, tuned, freeze, branch)
    return TorchEngine(candidate.module(), candidate.card(shipped.imgsz, None), device)


def _open_checkpoint(path: Path, wanted: Wanted) -> Opened:
    """Open a plain detector checkpoint with torch: one head, called target."""
    if wanted.engine not in (None, "torch"):
        raise InputError(
            f"engine {wanted.engine} cannot run the checkpoint {path}; use --engine torch, or bench-freeze export "
            f"--weights {path} first."
        )
    device = engine_device("torch", wanted.device or "cpu")
    require_engine("torch", device)
    from ..deployment.deployment import Candidate
    from ..dualhead.checkpoint import load_checkpoint
    from ..dualhead.quiet import quiet_ultralytics
    from ..engines.torch_engine import TorchEngine

    quiet_ultralytics()
    checkpoint = load_checkpoint(path, trust=wanted.trust_checkpoint)
    imgsz = 640 if wanted.imgsz is None else wanted.imgsz
    checkpoint.layers.check_imgsz(imgsz)
    candidate = Candidate("plain", checkpoint, checkpoint)
    return Opened(TorchEngine(candidate.module(), candidate.card(imgsz, None), device), NmsOptions(), {}, 1)
