"""Decides what model an ONNX file holds, in one place for every engine and command.

Metadata come first: our model card, or Ultralytics' metadata. Without them, shapes decide, but only if they allow a
single interpretation. Everything stated is compared with the graph, and a contradiction is an error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InputError
from .base import ModelCard
from .model_card import CARD_KEY, check_card, check_head, one_input, parse_card
from .onnx_file import OnnxFile, Tensor, read_onnx
from .own_selection import selection_notes
from .ultralytics_card import (
    arguments_of,
    is_end_to_end,
    is_ultralytics,
    named_card,
    refuse_other_tasks,
    ultralytics_card,
)

INPUT_TYPES = ("float32", "float16")


@dataclass(frozen=True)
class ModelFile:
    """An ONNX file that can be run and scored. `notes` are sentences on what affects its measured numbers."""

    card: ModelCard
    image: Tensor  # the input
    outputs: dict[str, str]  # head -> the graph's output
    notes: tuple[str, ...] = ()


def read_model(path: Path) -> ModelFile:
    """Read a model file. Raises InputError, saying what is wrong or missing, if it cannot be run and scored here."""
    file = read_onnx(path)
    where = str(path)
    image = one_input(file.inputs, where)  # first, because everything that reads shapes relies on it
    card, notes = (_own_card(file), ()) if CARD_KEY in file.metadata else _foreign_card(file)
    if image.dtype not in INPUT_TYPES:
        raise InputError(
            f"{where} takes images of {image.dtype}, and nothing says in which range; export it with an input of "
            "float32 or float16, from 0 to 1."
        )
    if image.dtype == "float16" and card.precision == "fp32":
        card = replace(card, precision="fp16")
    names = [output.name for output in file.outputs]
    heads = [head.name for head in card.heads]
    return ModelFile(card, image, dict(zip(heads, heads if len(heads) > 1 else names, strict=True)), notes)


def read_own_card(path: Path) -> ModelCard:
    """Read the card of a file that bench-freeze wrote. Raises InputError for other files and for contradictions."""
    file = read_onnx(path)
    if CARD_KEY not in file.metadata:
        raise InputError(
            f"{path} does not say what its heads are (no '{CARD_KEY}' metadata); export it with bench-freeze export."
        )
    return _own_card(file)


def _own_card(file: OnnxFile) -> ModelCard:
    where = str(file.path)
    card = parse_card(file.metadata[CARD_KEY], where)
    check_card(card, file.inputs, file.outputs, where)
    if is_ultralytics(file.metadata):
        other, _ = _foreign_card(file)
        if other.heads != card.heads or other.imgsz != card.imgsz:
            raise InputError(
                f"{where}: its model card and the metadata of Ultralytics contradict each other; export it again."
            )
    return card


def _foreign_card(file: OnnxFile) -> tuple[ModelCard, tuple[str, ...]]:
    where, metadata = str(file.path), file.metadata
    if not is_ultralytics(metadata):
        return named_card(file.path, metadata, [tensor.shape for tensor in (*file.inputs, *file.outputs)]), ()
    refuse_other_tasks(metadata, where)
    one_input(file.inputs, where)
    shapes = [tensor.shape or () for tensor in (*file.inputs, *file.outputs)]
    card = ultralytics_card(file.path, metadata, shapes)
    check_head(card.heads[0], file.outputs[0], where)
    said = arguments_of(metadata, where).get("conf")
    threshold = float(said) if isinstance(said, float | int) and 0 <= said <= 1 else None
    return card, selection_notes(card, file, threshold, is_end_to_end=is_end_to_end(metadata, where))
