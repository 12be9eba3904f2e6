"""Reads an ONNX file's description of itself without the onnx package, which boards that run plans do not have."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError
from ..user_files import open_file

Shape = tuple[int | str | None, ...]  # a free dimension has a name, or None
Field = tuple[int, int | memoryview]  # number and value

# TensorProto.DataType: the types that a network's input or output may have.
DTYPES = {1: "float32", 2: "uint8", 3: "int8", 5: "int16", 6: "int32", 7: "int64", 10: "float16", 11: "float64"}
_LONGEST_VARINT = 10
_LONGEST_CONSTANT = 64  # bytes; a longer constant is not a single number


@dataclass(frozen=True)
class Tensor:
    """An input or output of the graph. `shape` is None if the file does not state it."""

    name: str
    dtype: str  # NumPy's name; "type 16" for a type that is not in DTYPES
    shape: Shape | None


@dataclass(frozen=True)
class Node:
    """A node of the graph; `value` is set for a constant with a single element."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    value: float | None = None


@dataclass(frozen=True)
class OnnxFile:
    """A file's metadata, inputs, outputs and nodes, and its single-element constants by name."""

    path: Path
    metadata: dict[str, str] = field(default_factory=dict)
    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()
    nodes: tuple[Node, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)


def read_onnx(path: Path) -> OnnxFile:
    """Read a file. Raises InputError if it is missing, truncated, not an ONNX model, or lacks its file of weights."""
    try:
        with open_file(path, "ONNX file", "make one with bench-freeze export") as stream:
            # The mapping outlives the stream, and is freed with the last view of its bytes.
            return _model(path, memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); give an ONNX file.") from None
    except (ValueError, TypeError, IndexError, struct.error) as error:
        reason = "text that is not UTF-8" if isinstance(error, UnicodeDecodeError) else error
        raise InputError(f"{path} cannot be loaded: it is damaged or not an ONNX model ({reason}).") from None


def is_onnx(path: Path) -> bool:
    """Whether a file contains an ONNX model, whatever its name."""
    try:
        return bool(read_onnx(path).outputs)
    except InputError:
        return False


def _model(path: Path, view: memoryview) -> OnnxFile:
    metadata: dict[str, str] = {}
    graph: memoryview | None = None
    for number, value in _fields(view):
        if number == 7:
            graph = _bytes(value)
        elif number == 14:  # metadata_props
            key, text = _strings(_bytes(value), 1, 2)
            if key in metadata:
                raise ValueError(f"its metadata have '{key}' twice")
            metadata[key] = text
    if graph is None:
        raise ValueError("it holds no graph")
    inputs, outputs, nodes, initializers = [], [], [], set()
    numbers: dict[str, float] = {}
    for number, value in _fields(graph):
        if number == 1:
            nodes.append(_node(_bytes(value)))
        elif number == 5:
            name, constant = _initializer(path, _bytes(value))
            initializers.add(name)
            if constant is not None:
                numbers[name] = constant
        elif number == 11:
            inputs.append(_tensor(_bytes(value)))
        elif number == 12:
            outputs.append(_tensor(_bytes(value)))
    numbers |= {node.outputs[0]: node.value for node in nodes if node.value is not None and node.outputs}
    asked = tuple(tensor for tensor in inputs if tensor.name not in initializers)
    return OnnxFile(path, metadata, asked, tuple(outputs), tuple(nodes), numbers)


def _node(view: memoryview) -> Node:
    inputs, outputs, op, constant = [], [], "", None
    for number, value in _fields(view):
        if number == 1:
            inputs.append(_text(value))
        elif number == 2:
            outputs.append(_text(value))
        elif number == 4:
            op = _text(value)
        elif number == 5:
            constant = _bytes(value)
    number_of = _attribute(constant) if op == "Constant" and constant is not None else None
    return Node(op, tuple(inputs), tuple(outputs), number_of)


def _attribute(view: memoryview) -> float | None:
    """The number in a Constant's attribute, which is a tensor or a float; None if it is not a single number."""
    for number, value in _fields(view):
        if number == 5:
            return _number(_bytes(value))
        if number == 2 and isinstance(value, memoryview):
            return float(struct.unpack("<f", value)[0])
    return None


def _initializer(path: Path, view: memoryview) -> tuple[str, float | None]:
    """An initializer's name, and its value if it is a single number. Raises InputError if its file is missing."""
    name, is_external, location = "", False, ""
    for number, value in _fields(view):
        if number == 8:
            name = _text(value)
        elif number == 14:
            is_external = value == 1
        elif number == 13:
            key, text = _strings(_bytes(value), 1, 2)
            location = text if key == "location" else location
    if not is_external:
        return name, _number(view)
    if not (path.parent / location).is_file():
        raise InputError(
            f"{path} keeps its weights in {location!r}, which is not beside it; put it there, or export one file."
        )
    return name, None


def _number(view: memoryview) -> float | None:
    """The value of a float TensorProto with a single element; None for any other."""
    dims, kind = [], 0
    data: memoryview | None = None
    for number, value in _fields(view):
        if number == 1:
            dims += _integers(value)
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number in (4, 5, 9) and isinstance(value, memoryview):  # float_data, int32_data (for float16), raw_data
            if len(value) > _LONGEST_CONSTANT:
                return None
            data = value if number != 5 else memoryview(struct.pack("<H", _integers(value)[0]))
    if any(size != 1 for size in dims) or data is None:
        return None
    form = {1: "<f", 10: "<e", 11: "<d"}.get(kind)
    return float(struct.unpack(form, data)[0]) if form is not None else None


def _tensor(view: memoryview) -> Tensor:
    """Parse a ValueInfoProto: its name, and the element type and shape in type.tensor_type."""
    name, kind = "", 0
    shape: Shape | None = None
    for number, value in _fields(view):
        if number == 1:
            name = _text(value)
        elif number == 2:
            for of_type, tensor in _fields(_bytes(value)):
                if of_type != 1:
                    continue
                for part, inner in _fields(_bytes(tensor)):
                    if part == 1 and isinstance(inner, int):
                        kind = inner
                    elif part == 2:
                        shape = tuple(_dimension(_bytes(d)) for k, d in _fields(_bytes(inner)) if k == 1)
    return Tensor(name, DTYPES.get(kind, f"type {kind}"), shape)


def _dimension(view: memoryview) -> int | str | None:
    for number, value in _fields(view):
        if number == 1 and isinstance(value, int):
            return value if 0 < value < 1 << 31 else None  # some exporters write -1 or 0 for a free dimension
        if number == 2:
            return _text(value) or None
    return None


def _fields(view: memoryview) -> Iterator[Field]:
    """The fields of a protobuf message. Raises ValueError if it is truncated or not a message."""
    position, end = 0, len(view)
    while position < end:
        tag, position = _varint(view, position)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("not a protobuf message")
        if kind == 0:
            value, position = _varint(view, position)
            yield number, value
            continue
        if kind == 2:
            length, position = _varint(view, position)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError("not a protobuf message")
        if position + length > end:
            raise ValueError("it is cut off")
        yield number, view[position : position + length]
        position += length


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for i, byte in enumerate(view[position : position + _LONGEST_VARINT]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, position + i + 1
    raise ValueError("it is cut off or not a protobuf message")


def _integers(value: int | memoryview) -> list[int]:
    """Repeated integers, packed or one by one."""
    if isinstance(value, int):
        return [value]
    found, position = [], 0
    while position < len(value):
        number, position = _varint(value, position)
        found.append(number)
    return found


def _bytes(value: object) -> memoryview:
    if not isinstance(value, memoryview):
        raise ValueError("not a protobuf message")
    return value


def _text(value: object) -> str:
    return bytes(_bytes(value)).decode()


def _strings(view: memoryview, *numbers: int) -> list[str]:
    """The text fields with these numbers; empty strings for missing ones."""
    found = {number: _text(value) for number, value in _fields(view) if number in numbers}
    return [found.get(number, "") for number in numbers]
