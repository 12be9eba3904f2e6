"""The model card of an ONNX file that Ultralytics exported: its own metadata say the same in other words."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import InputError
from .base import Head, ModelCard

Shape = Sequence[int | str | None]  # as ONNX Runtime tells it


def is_ultralytics(metadata: Mapping[str, str]) -> bool:
    """Whether the metadata of an ONNX file are Ultralytics'."""
    return {"task", "names", "imgsz"} <= metadata.keys()


def ultralytics_card(path: Path, metadata: Mapping[str, str], shapes: Sequence[Shape]) -> ModelCard:
    """One head named base, from the metadata and the shapes of the file's input and outputs.

    Raises InputError for a file that is no detector with square images and one output.
    """
    try:
        names = ast.literal_eval(metadata["names"])
        class_names = tuple(str(names[k]) for k in range(len(names)))
        height, width = (int(size) for size in ast.literal_eval(metadata["imgsz"]))
    except (ValueError, SyntaxError, KeyError, TypeError):
        raise InputError(f"{path}: its names or imgsz cannot be read; export it again with Ultralytics.") from None
    if metadata["task"] != "detect":
        raise InputError(f"{path} is a model for the task {metadata['task']!r}; give one for detection.")
    if height != width:
        raise InputError(f"{path} takes images of {width}x{height}; export it with one imgsz, images are square here.")
    images, *outputs = shapes
    output = outputs[0]
    if len(outputs) == 1 and len(output) == 3 and output[1] == 4 + len(class_names):
        head = Head("base", class_names, "raw")
    elif len(outputs) == 1 and len(output) == 3 and output[2] == 6:
        head = Head("base", class_names, "detections")
    else:
        raise InputError(
            f"{path} has outputs of {[list(shape) for shape in outputs]}; give a detector with one output "
            f"[images, {4 + len(class_names)}, anchors] or [images, detections, 6]."
        )
    return ModelCard((head,), height, images[0] if isinstance(images[0], int) else None, None)
