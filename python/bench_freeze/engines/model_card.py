"""Our model card in a file: parse it, check it for impossible values, and compare it with the graph."""

from __future__ import annotations

import json
from typing import Any

from ..data.classes import is_text
from ..errors import InputError
from .base import Head, ModelCard
from .onnx_file import Shape, Tensor

CARD_KEY = "bench_freeze"  # in the ONNX file's metadata
_KEYS = {"heads", "imgsz", "batch", "graft_at", "precision"}
_LARGEST = {"imgsz": 16_384, "batch": 65_536, "graft_at": 10_000}
_MOST_PIXELS = 250_000_000  # per batch: 3 GB of float32
_LONGEST = 1 << 22  # characters


def parse_card(text: str, where: str) -> ModelCard:
    """Parse a card from JSON. Raises InputError, saying what is wrong, for a card that this version cannot use."""
    if len(text) > _LONGEST:
        raise InputError(f"{where}: its card has {len(text)} characters, more than any card has; export it again.")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"{where}: its card is not json; export it again with bench-freeze export.") from None
    return card_of(values, where)


def card_of(values: Any, where: str) -> ModelCard:
    """Make a card from plain values. Raises InputError as `parse_card` does."""
    problem = _problem(values)
    if problem is not None:
        raise InputError(f"{where}: its card {problem}; export it again with bench-freeze export.")
    return ModelCard.from_dict(values)


def _problem(values: object) -> str | None:
    if not isinstance(values, dict):
        return "is not an object"
    unknown = sorted(str(key) for key in values.keys() - _KEYS)
    if unknown:
        return f"has '{unknown[0][:40]}', which this version of bench-freeze does not know"
    missing = sorted(_KEYS - {"precision"} - values.keys())
    if missing:
        return f"lacks '{missing[0]}'"
    for key, least in (("imgsz", 1), ("batch", 1), ("graft_at", 0)):
        value = values[key]
        if value is None and key != "imgsz":
            continue
        if type(value) is not int or not least <= value <= _LARGEST[key]:
            return f"has {key} {str(value)[:40]}, not a whole number from {least} to {_LARGEST[key]}"
    if (problem := batch_problem(values["batch"], values["imgsz"])) is not None:
        return f"has {problem}"
    if values.get("precision", "fp32") not in ("fp32", "fp16", "int8"):
        return f"has the precision {str(values['precision'])[:40]!r}, which this version of bench-freeze does not know"
    return _heads_problem(values["heads"])


def batch_problem(batch: int | None, imgsz: int) -> str | None:
    """The problem with a batch of square images that is too large for any memory; None if it is not."""
    if (batch or 1) * imgsz**2 <= _MOST_PIXELS:
        return None
    return f"batches of {batch or 1} images of {imgsz} pixels; the limit is {_MOST_PIXELS:,} pixels a batch"


def _heads_problem(heads: object) -> str | None:
    if not isinstance(heads, list | tuple) or not heads:
        return "names no heads"
    seen = set()
    for head in heads:
        if not isinstance(head, dict) or head.keys() != {"name", "class_names", "kind"}:
            return "describes a head by something other than name, class_names and kind"
        if head["name"] not in ("base", "target") or head["name"] in seen:
            return f"has the head {str(head['name'])[:40]!r}, but only base and target, each once, are known"
        seen.add(head["name"])
        if head["kind"] not in ("raw", "detections"):
            return f"has a head of kind {str(head['kind'])[:40]!r}, which this version of bench-freeze does not know"
        names = head["class_names"]
        if (
            not isinstance(names, list | tuple)
            or not names
            or not all(isinstance(n, str) and is_text(n) for n in names)
        ):
            return f"has no list of class names for the {head['name']} head"
    return None


def check_card(card: ModelCard, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...], where: str) -> None:
    """Raise InputError if the graph contradicts its card in heads, shapes, image size or batch."""
    check_images(one_input(inputs, where).shape, card.imgsz, where)
    free, batch = inputs[0].shape is not None and not isinstance(inputs[0].shape[0], int), card.batch
    if not free and inputs[0].shape is not None and batch != inputs[0].shape[0]:
        said = "batches of any size" if batch is None else f"batches of {batch}"
        raise InputError(f"{where}: its card says {said}, its graph takes {inputs[0].shape[0]}; export it again.")
    by_name = {tensor.name: tensor for tensor in outputs}
    names = [head.name for head in card.heads]
    if len(outputs) != len(names) or (len(names) > 1 and set(by_name) != set(names)):
        raise InputError(
            f"{where}: its card names the heads {', '.join(names)}, its outputs are {', '.join(by_name)}; export it "
            "again."
        )
    for head in card.heads:
        check_head(head, by_name[head.name] if len(names) > 1 else outputs[0], where)


def one_input(inputs: tuple[Tensor, ...], where: str) -> Tensor:
    """The single input of a graph. Raises InputError for any other number of inputs."""
    if len(inputs) != 1:
        names = ", ".join(tensor.name for tensor in inputs) or "none"
        raise InputError(f"{where} has {len(inputs)} inputs ({names}); give a detector with one input, the images.")
    return inputs[0]


def check_images(shape: Shape | None, imgsz: int, where: str) -> None:
    """Raise InputError unless an input takes [images, 3, imgsz, imgsz]."""
    text = shape_text(shape)
    if shape is None or len(shape) != 4:
        raise InputError(f"{where} has an input of {text}; give a detector that takes [images, 3, height, width].")
    _, channels, height, width = shape
    if isinstance(channels, int) and channels != 3:
        if shape[3] == 3:
            raise InputError(
                f"{where} has an input of {text}: channels come last (NHWC); export it with channels first, "
                "[images, 3, height, width]."
            )
        raise InputError(f"{where} takes images of {channels} channels; give a detector of RGB images, with 3.")
    if isinstance(height, int) and isinstance(width, int) and height != width:
        raise InputError(f"{where} takes images of {width}x{height}; export it with one imgsz, images are square here.")
    for side in (height, width):
        if isinstance(side, int) and side != imgsz:
            raise InputError(
                f"{where} says that it takes images of {imgsz} pixels, its graph takes {side}; export it again."
            )


def check_head(head: Head, output: Tensor, where: str) -> None:
    """Raise InputError if an output's shape or type does not fit its head."""
    shape, rows = output.shape, 4 + len(head.class_names)
    if shape is not None and not _fits(head, shape):
        wanted = f"[images, {rows}, anchors]" if head.kind == "raw" else "[images, detections, 6]"
        transposed = head.kind == "raw" and len(shape) == 3 and shape[2] == rows
        hint = "it is transposed, export it" if transposed else "export it again"
        raise InputError(
            f"{where}: output {output.name} is {shape_text(shape)}, where {len(head.class_names)} classes make "
            f"{wanted}; {hint}{' in that order' if transposed else ''}."
        )
    if output.dtype not in ("float32", "float16", "float64"):
        raise InputError(f"{where}: output {output.name} is of {output.dtype}; export it with outputs of float32.")


def _fits(head: Head, shape: Shape) -> bool:
    if len(shape) != 3:
        return False
    size, wanted = (shape[1], 4 + len(head.class_names)) if head.kind == "raw" else (shape[2], 6)
    return not isinstance(size, int) or size == wanted


def shape_text(shape: Shape | None) -> str:
    """A shape as text for messages, such as [1, 3, height, ?]."""
    if shape is None:
        return "no known shape"
    return f"[{', '.join('?' if size is None else str(size) for size in shape)}]"
