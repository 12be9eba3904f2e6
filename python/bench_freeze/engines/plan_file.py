"""Plan files and what is known of them: our side-car json, or the header that Ultralytics puts before its plans."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..artifact import file_sha256, write_whole
from ..errors import InputError
from .base import Head, ModelCard

_LONGEST_HEADER = 1 << 20


@dataclass(frozen=True)
class Plan:
    """The side-car of a plan: what it is, what it was built from, with what, for what."""

    bench_freeze: str
    plan_sha256: str
    plan_bytes: int
    onnx_sha256: str
    module: str  # of the TensorRT family
    title: str
    version: str
    target: dict[str, str]
    flags: dict[str, Any]
    timing_cache_sha256: dict[str, str | None]
    build_s: float
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    card: dict[str, Any]
    letterbox: dict[str, Any]


@dataclass(frozen=True)
class PlanFile:
    """A plan's bytes. `plan` is None for a file of Ultralytics, whose `header` says what its single head is."""

    content: bytes
    plan: Plan | None
    header: dict[str, Any]

    def card(self, output_shape: tuple[int, ...] = ()) -> ModelCard:
        """What the model is; an Ultralytics file needs the shape of its output for the kind of its head."""
        if self.plan is not None:
            return ModelCard.from_dict(self.plan.card)
        names = self.header["names"]
        classes = tuple(str(names[key]) for key in sorted(names, key=int))
        kind = "detections" if output_shape and output_shape[-1] == 6 else "raw"
        imgsz = self.header["imgsz"]
        side = imgsz[0] if isinstance(imgsz, list) else imgsz
        batch = None if output_shape and output_shape[0] == -1 else int(self.header.get("batch", 1))
        arguments = self.header.get("args", {})
        precision = "int8" if arguments.get("int8") else "fp16" if arguments.get("half") else "fp32"
        return ModelCard((Head("base", classes, kind),), int(side), batch, None, precision)  # type: ignore[arg-type]


def side_car_path(plan: Path) -> Path:
    """Where the side-car of a plan lies."""
    return plan.with_name(f"{plan.name}.json")


def write_side_car(path: Path, plan: Plan) -> None:
    """Write a side-car."""
    write_whole(path, json.dumps(asdict(plan), indent=1).encode())


def read_plan(path: Path) -> PlanFile:
    """A plan with what is known of it.

    Raises InputError when the file is missing, is of neither kind, or is not the one that its side-car describes.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); give the path of a TensorRT plan.") from None
    length = int.from_bytes(content[:4], "little")
    if 2 <= length <= min(_LONGEST_HEADER, len(content)):
        try:
            header = json.loads(content[4 : 4 + length])
        except ValueError:  # a plan's own first bytes
            header = None
        if isinstance(header, dict):
            if header.get("task") != "detect" or not {"names", "imgsz"} <= header.keys():
                raise InputError(f"{path}: its header names no detector (task {header.get('task')!r}); give one.")
            return PlanFile(content[4 + length :], None, header)
    side_car = side_car_path(path)
    try:
        plan = Plan(**json.loads(side_car.read_text()))
    except OSError:
        raise InputError(
            f"{path}: its side-car {side_car.name} is missing, so its heads are unknown; keep both together, or build "
            "the plan again from the ONNX."
        ) from None
    except (ValueError, TypeError):
        raise InputError(f"{side_car} is no side-car of a plan; build the plan again from the ONNX.") from None
    if hashlib.sha256(content).hexdigest() != plan.plan_sha256:
        raise InputError(f"{path} is not the plan that {side_car.name} describes; build it again from the ONNX.")
    return PlanFile(content, plan, {})


def onnx_of(path: Path, plan: Plan) -> Path | None:
    """The ONNX file that a plan was built from, found by its hash beside the plan or in a folder beside the plan's."""
    for file in (*sorted(path.parent.glob("*.onnx")), *sorted(path.parent.parent.glob("*/*.onnx"))):
        if file_sha256(file) == plan.onnx_sha256:
            return file
    return None


def misfit(plan: Plan, title: str, version: str, capability: str) -> str | None:
    """Why a plan cannot run under this TensorRT on a GPU of this compute capability, None when it can."""
    if plan.title != title and not (plan.flags["version_compatible"] and title == "TensorRT lean runtime"):
        return f"it was built with {plan.title}, this machine runs {title}"
    if plan.version != version and not plan.flags["version_compatible"]:
        return f"it was built with {plan.title} {plan.version}, this machine has {version}"
    if plan.flags["version_compatible"] and int(plan.version.split(".")[0]) > int(version.split(".")[0]):
        return f"it was built with {plan.title} {plan.version}, which is newer than this machine's {version}"
    built, level = plan.target["capability"], plan.flags["hardware_compatibility"]
    if level == "ampere_plus" and min(int(built), int(capability)) >= 80:
        return None
    if built != capability:
        return f"it is for GPUs of compute capability {built}, this one has {capability}"
    return None
