"""The model card of an ONNX file, read without the onnx package: a board that builds and runs plans has none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from ..engines.base import ModelCard
from ..engines.ort_engine import CARD_KEY
from ..errors import InputError

_METADATA_PROPS = 14  # of ModelProto; entries are messages of key = 1 and value = 2


def read_card(path: Path) -> ModelCard:
    """The card in the file's metadata. Raises InputError for a file without one, or one that is no ONNX."""
    try:
        entries = [
            dict(_fields(content)) for number, content in _fields(path.read_bytes()) if number == _METADATA_PROPS
        ]
        texts = {entry[1].decode(): entry[2].decode() for entry in entries}
        return ModelCard.from_dict(json.loads(texts[CARD_KEY]))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such ONNX file; make one with bench-freeze export.") from None
    except (KeyError, ValueError, TypeError, IndexError):
        raise InputError(
            f"{path} does not say what its heads are (no '{CARD_KEY}' metadata); export it with bench-freeze export."
        ) from None


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a protobuf message by number; others are passed over."""
    view, position = memoryview(message), 0
    while position < len(view):
        tag, position = _varint(view, position)
        kind = tag & 7
        if kind == 2:
            length, position = _varint(view, position)
            if position + length > len(view):
                raise ValueError("the message is cut off")
            yield tag >> 3, bytes(view[position : position + length])
            position += length
        elif kind == 0:
            _, position = _varint(view, position)
        elif kind in (1, 5):
            position += 8 if kind == 1 else 4
        else:
            raise ValueError("no protobuf message")


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = view[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
