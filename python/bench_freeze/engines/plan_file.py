"""Plan files and their descriptions: our side-car JSON, or the header that Ultralytics writes before its plans."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import InputError
from ..files import Facts, file_sha256, write_whole
from ..user_files import MAX_DATA, MAX_TEXT, MissingFile, read_file
from .base import ModelCard
from .model_card import card_of, check_card
from .onnx_file import Tensor
from .own_selection import UNKNOWN_THRESHOLD
from .ultralytics_card import is_end_to_end, is_ultralytics, selects_itself, ultralytics_card

_LONGEST_HEADER = 1 << 20


@dataclass(frozen=True)
class Plan:
    """The side-car of a plan: what the plan is, and from what, with what and for what it was built."""

    bench_freeze: str
    plan_sha256: str
    plan_bytes: int
    onnx_sha256: str
    module: str  # Python module of the TensorRT family
    title: str
    version: str
    target: dict[str, str]
    flags: Facts
    timing_cache_sha256: dict[str, str | None]
    build_s: float
    inputs: list[Facts]
    outputs: list[Facts]
    card: Facts
    letterbox: Facts


@dataclass(frozen=True)
class PlanFile:
    """A plan's bytes and description. `plan` is None for a file from Ultralytics, whose `header` describes it."""

    path: Path
    content: bytes
    plan: Plan | None
    header: Facts

    def card(self, output_shape: tuple[int, ...] = ()) -> ModelCard:
        """The model card. For an Ultralytics file, `output_shape` helps to determine the kind of its head."""
        if self.plan is not None:
            card = card_of(self.plan.card, side_car_path(self.path).name)
            side_car = side_car_path(self.path)
            inputs, outputs = (_tensors(of, side_car) for of in (self.plan.inputs, self.plan.outputs))
            check_card(card, inputs, outputs, side_car.name)
            return card
        output = tuple(size if size > 0 else None for size in output_shape) or (None, None, None)
        images = (output[0] if output_shape else self.header.get("batch", 1), None, None, None)
        return ultralytics_card(self.path, self.header, [images, output])

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that apply to every number measured on this file."""
        if self.plan is not None or not selects_itself(self.header, str(self.path)):
            return ()
        if is_end_to_end(self.header, str(self.path)):
            return ()
        return (UNKNOWN_THRESHOLD,)


def _tensors(described: list[Facts], side_car: Path) -> tuple[Tensor, ...]:
    """Inputs or outputs as described by a side-car, where -1 means a free size."""
    try:
        return tuple(
            Tensor(str(t["name"]), str(t["dtype"]), tuple(int(n) if n > 0 else None for n in t["shape"]))
            for t in described
        )
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{side_car} does not describe the tensors of the plan; build the plan again.") from None


def side_car_path(plan: Path) -> Path:
    """The path of a plan's side-car."""
    return plan.with_name(f"{plan.name}.json")


def write_side_car(path: Path, plan: Plan) -> None:
    """Write a side-car."""
    write_whole(path, json.dumps(asdict(plan), indent=1).encode())


def read_plan(path: Path) -> PlanFile:
    """Read a plan and its description.

    Raises InputError if the file is missing, is of neither kind, or is not the one that its side-car describes.
    """
    content = read_file(path, "TensorRT plan", "give the path of one", MAX_DATA)
    length = int.from_bytes(content[:4], "little")
    if 2 <= length <= min(_LONGEST_HEADER, len(content)):
        try:
            header = json.loads(content[4 : 4 + length])
        except (ValueError, RecursionError):  # these are the plan's own first bytes
            header = None
        if isinstance(header, dict):
            if header.get("task") != "detect" or not is_ultralytics(header):
                raise InputError(
                    f"{path}: its header does not name a detector (task {header.get('task')!r}); give one."
                )
            return PlanFile(path, content[4 + length :], None, header)
    side_car = side_car_path(path)
    try:
        plan = Plan(**json.loads(read_file(side_car, "side-car of a plan", "build the plan again", MAX_TEXT)))
    except MissingFile:
        raise InputError(
            f"{path}: its side-car {side_car.name} is missing, so its heads are unknown; keep both together, or build "
            "the plan again from the ONNX."
        ) from None
    except (ValueError, TypeError, RecursionError):
        raise InputError(f"{side_car} is not the side-car of a plan; build the plan again from the ONNX.") from None
    if hashlib.sha256(content).hexdigest() != plan.plan_sha256:
        raise InputError(f"{path} is not the plan that {side_car.name} describes; build it again from the ONNX.")
    return PlanFile(path, content, plan, {})


def onnx_of(path: Path, plan: Plan) -> Path | None:
    """Find the ONNX file that a plan was built from, by its hash, in the plan's folder or in a sibling folder."""
    for file in (*sorted(path.parent.glob("*.onnx")), *sorted(path.parent.parent.glob("*/*.onnx"))):
        if file_sha256(file) == plan.onnx_sha256:
            return file
    return None


def misfit(plan: Plan, title: str, version: str, capability: str) -> str | None:
    """Why a plan cannot run with this TensorRT on a GPU of this compute capability; None if it can."""
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
