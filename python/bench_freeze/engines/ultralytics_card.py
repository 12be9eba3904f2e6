"""The model card of a file that Ultralytics exported, made from its metadata.

The metadata decide, and shapes must confirm them. Only if the metadata are silent, as in older exports, do shapes
decide, and only if they allow a single interpretation.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..data.classes import names_by_number
from ..errors import InputError
from ..files import Facts
from .base import Head, ModelCard
from .model_card import batch_problem, check_head, check_images, shape_text
from .onnx_file import Shape, Tensor

_LONGEST = 1 << 20  # characters per value
_STRIDES = tuple(1 << k for k in range(1, 9))
_AGAIN = "export it again with Ultralytics"


@dataclass(frozen=True)
class _Sizes:
    """What metadata and input state about images: side in pixels, images per batch (None: any), largest stride."""

    imgsz: int
    batch: int | None
    stride: int | None


def is_ultralytics(metadata: Mapping[str, object]) -> bool:
    """Whether a file's metadata come from Ultralytics."""
    return {"task", "names", "imgsz"} <= metadata.keys()


def ultralytics_card(
    path: Path, metadata: Mapping[str, object], shapes: Sequence[Sequence[int | str | None]]
) -> ModelCard:
    """The card with a single head, base, from the metadata; `shapes` are those of the input and then the outputs.

    Raises InputError for a file that is not a detector with square images and one output, or whose shapes contradict
    its metadata.
    """
    where = str(path)
    refuse_other_tasks(metadata, where)
    names = names_by_number(value_of(metadata, "names", where), f"{where}, names in its metadata")
    images, *outputs = (tuple(shape) for shape in shapes)
    is_selected = selects_itself(metadata, where)
    sizes = _sizes(metadata, images, where, is_unrolled=_flag(metadata, "nms", where) is True)
    check_images(images, sizes.imgsz, where)
    if len(outputs) != 1 or len(outputs[0]) != 3:
        raise _strange(outputs, names, where)
    kind: Literal["raw", "detections"] | None = {True: "detections", False: "raw"}.get(is_selected)  # type: ignore[assignment, arg-type]
    if kind is None:
        kind = _only_reading(outputs[0], names, sizes, where)
    head = Head("base", names, kind)
    check_head(head, Tensor("output0", "float32", outputs[0]), where)
    if kind == "raw" and not _are_anchors(outputs[0][2], sizes):
        raise InputError(
            f"{where}: by its metadata its output {shape_text(outputs[0])} holds {outputs[0][2]} anchors, which images "
            f"of {sizes.imgsz} pixels do not have; {_AGAIN}."
        )
    return ModelCard((head,), sizes.imgsz, sizes.batch, None, precision_of(metadata, where))


def named_card(path: Path, metadata: Mapping[str, object], shapes: Sequence[Shape | None]) -> ModelCard:
    """The card with a single head, base, for another tool's file with class names, if its shapes are unambiguous.

    Raises InputError, saying what is missing, for any other file.
    """
    where = str(path)
    advice = (
        "it was made by another tool; export it with bench-freeze export or Ultralytics, or write task, names, imgsz, "
        "stride and end2end into its metadata as Ultralytics does"
    )
    refuse_other_tasks({"task": "detect", **metadata}, where)
    if "names" not in metadata:
        raise InputError(
            f"{where} does not say what its heads are: its metadata have neither a model card ('bench_freeze') nor "
            f"class names; {advice}."
        )
    names = names_by_number(value_of(metadata, "names", where), f"{where}, names in its metadata")
    images, *outputs = shapes
    side = images[2] if images is not None and len(images) == 4 else None
    if not isinstance(side, int) or images is None:
        raise InputError(f"{where} does not say which image size it takes (imgsz in its metadata); {advice}.")
    check_images(images, side, where)
    batch = images[0] if isinstance(images[0], int) else None
    if (problem := batch_problem(batch, side)) is not None:
        raise InputError(f"{where} takes {problem}; {_AGAIN}.")
    output = outputs[0] if len(outputs) == 1 else None
    sizes = _Sizes(side, batch, None)
    if output is None or len(output) != 3 or not _is_raw(output, names, sizes) or not isinstance(output[2], int):
        shown = ", ".join(shape_text(shape) for shape in outputs)
        raise InputError(
            f"{where}: outputs of {shown} have no single meaning without metadata; with its {len(names)} classes, "
            f"{4 + len(names)} rows by anchors would have one; {advice}."
        )
    return ModelCard((Head("base", names, "raw"),), side, batch, None, precision_of(metadata, where))


def refuse_other_tasks(metadata: Mapping[str, object], where: str) -> None:
    """Raise InputError for a model that is not a detector whose boxes are in pixels."""
    task = metadata.get("task")
    if task != "detect":
        raise InputError(f"{where} is a model for the task {str(task)[:40]!r}; give one for detection.")
    described = f"{metadata.get('head', '')} {metadata.get('description', '')}".lower().replace("-", "")
    if "rtdetr" in described:
        raise InputError(f"{where} is an RT-DETR model, which gives boxes in other units; give a YOLO detector.")


def selects_itself(metadata: Mapping[str, object], where: str) -> bool | None:
    """Whether the file returns detections rather than raw scores; None if its metadata do not say."""
    said = [_flag(metadata, key, where) for key in ("nms", "end2end")]
    if True in said:
        return True
    return None if None in said else False


def is_end_to_end(metadata: Mapping[str, object], where: str) -> bool:
    """Whether the head was trained to detect each object once, so that the file suppresses and drops nothing."""
    return _flag(metadata, "end2end", where) is True and _flag(metadata, "nms", where) is not True


def precision_of(metadata: Mapping[str, object], where: str) -> str:
    """The precision of the network inside, according to the export's arguments."""
    arguments = arguments_of(metadata, where)
    if arguments.get("int8") is True or arguments.get("quantize") == 8:
        return "int8"
    return "fp16" if arguments.get("half") is True or arguments.get("quantize") == 16 else "fp32"


def arguments_of(metadata: Mapping[str, object], where: str) -> Facts:
    """The export's arguments; empty if the file does not state them."""
    found = value_of(metadata, "args", where) if "args" in metadata else {}
    if not isinstance(found, dict):
        raise _unreadable("args", where)
    return found


def value_of(metadata: Mapping[str, object], key: str, where: str) -> Any:
    """A value from the metadata, which ONNX files store as Python literals and plans as JSON."""
    value = metadata.get(key)
    if not isinstance(value, str):
        return value
    if len(value) > _LONGEST:
        raise _unreadable(key, where)
    try:
        return ast.literal_eval({"true": "True", "false": "False", "null": "None"}.get(value, value))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise _unreadable(key, where) from None


def _unreadable(key: str, where: str) -> InputError:
    what = "names or imgsz" if key in ("names", "imgsz") else key
    return InputError(f"{where}: its {what} cannot be read ('{key}' in its metadata); {_AGAIN}.")


def _flag(metadata: Mapping[str, object], key: str, where: str) -> bool | None:
    """A switch from the metadata or the export's arguments; None if the file does not state it."""
    arguments = arguments_of(metadata, where)
    if key in metadata:
        value = value_of(metadata, key, where)
    elif key in arguments:
        value = arguments[key] or False  # Ultralytics writes None for an option that was not given
    else:
        return None
    if type(value) is not bool:
        raise _unreadable(key, where)
    return value


def _integer(metadata: Mapping[str, object], key: str, where: str) -> int | None:
    value = value_of(metadata, key, where) if key in metadata else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is not None and (type(value) is not int or not 0 < value <= 1 << 16):
        raise _unreadable(key, where)
    return value


def _sizes(metadata: Mapping[str, object], images: Shape, where: str, *, is_unrolled: bool) -> _Sizes:
    """Read the image sizes. `is_unrolled`: suppression inside the file works only on the batch that it was made for."""
    sides = value_of(metadata, "imgsz", where)
    sides = [sides, sides] if type(sides) is int else sides
    if (
        not isinstance(sides, list | tuple)
        or len(sides) != 2
        or not all(type(s) is int and 0 < s <= 1 << 14 for s in sides)
    ):
        raise _unreadable("imgsz", where)
    height, width = sides
    if height != width:
        raise InputError(f"{where} takes images of {width}x{height}; export it with one imgsz, images are square here.")
    channels, stride, said = (_integer(metadata, key, where) for key in ("channels", "stride", "batch"))
    if channels not in (None, 3):
        raise InputError(f"{where} takes images of {channels} channels; give a detector of RGB images, with 3.")
    if stride is not None and height % stride:
        raise InputError(f"{where} says imgsz {height} and stride {stride}, which do not fit together; {_AGAIN}.")
    batch = images[0] if images and isinstance(images[0], int) else None
    if batch is not None and said not in (None, batch):
        raise InputError(f"{where}: its metadata say batches of {said}, its graph takes {batch}; {_AGAIN}.")
    if (problem := batch_problem(said or batch, height)) is not None:
        raise InputError(f"{where} takes {problem}; {_AGAIN}.")
    return _Sizes(height, said or 1 if batch is None and is_unrolled else batch, stride)


def _only_reading(output: Shape, names: tuple[str, ...], sizes: _Sizes, where: str) -> Literal["raw", "detections"]:
    """The only possible kind of an output, by its shape. Raises InputError if it fits neither kind.

    It never fits both: a number of anchors is n * n * (1 + 4 + 16 ...), which is never 6.
    """
    if _is_raw(output, names, sizes):
        return "raw"
    if output[2] != 6:
        raise _strange([output], names, where)
    return "detections"


def _is_raw(output: Shape, names: tuple[str, ...], sizes: _Sizes) -> bool:
    return output[1] == 4 + len(names) and _are_anchors(output[2], sizes)


def _are_anchors(count: int | str | None, sizes: _Sizes) -> bool:
    """Whether a number of columns is that of the anchors of consecutive strides, up to the largest if it is known.

    The largest stride divides the image's side. True if the number of columns is free.
    """
    if not isinstance(count, int):
        return True
    for k, last in enumerate(_STRIDES):
        if sizes.imgsz % last or sizes.stride not in (None, last):
            continue
        total = 0
        for stride in reversed(_STRIDES[: k + 1]):
            total += (sizes.imgsz // stride) ** 2
            if total == count:
                return True
    return False


def _strange(outputs: Sequence[Shape], names: tuple[str, ...], where: str) -> InputError:
    return InputError(
        f"{where} has outputs of {', '.join(shape_text(shape) for shape in outputs)}; give a detector with one output "
        f"[images, {4 + len(names)}, anchors] or [images, detections, 6]."
    )
