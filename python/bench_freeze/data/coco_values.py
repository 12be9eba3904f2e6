"""Single values of a COCO file: how each is read whatever its type, and the error if it cannot be."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import TypeGuard

import numpy as np

from ..errors import InputError

ABSENT = "\0absent"  # no id or number: text with a null character is refused


class Forms:
    """Unusual forms that were read: how often each occurred, with its first example."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str]] = {}

    def add(self, sentence: str, example: str) -> None:
        """Count one occurrence; `sentence` follows the count, `example` names the entry."""
        count, first = self._found.get(sentence, (0, example))
        self._found[sentence] = (count + 1, first)

    def notes(self) -> list[str]:
        """One sentence for each form."""
        return [f"{count} {sentence}, such as {first}" for sentence, (count, first) in self._found.items()]


def read_key(place: str, name: str, value: object) -> Hashable:
    """An id as a dict key: 1.0 equals 1, "1" does not. Raises InputError if it is missing or cannot be a key."""
    if isinstance(value, str) and "\0" in value:
        if value == ABSENT:
            raise InputError(f"{place} has no key {name!r}: add it")
        raise InputError(f"{place}: {name} has a null character: write text without one")
    if not isinstance(value, Hashable):
        raise InputError(f"{place}: {name} is a {type(value).__name__}: write an int")
    return value


def read_whole(place: str, name: str, value: object) -> int:
    """An id that is a whole number, which may be written as 1.0."""
    if not is_number(value) or not math.isfinite(value) or value != int(value):
        raise InputError(f"{place}: {name} is {shown(value)} ({kind_of(value)}): write an int")
    return int(value)


def read_number(place: str, name: str, value: object) -> float:
    """A number as float64; text, bool and null are not numbers, though NumPy would read some of them."""
    if isinstance(value, str) and value == ABSENT:
        raise InputError(f"{place} has no key {name!r}: add it")
    if not is_number(value):
        raise InputError(f"{place}: {name} is {shown(value)} ({kind_of(value)}): write a float")
    try:
        return float(value)
    except OverflowError:
        raise InputError(f"{place}: {name} does not fit a float: write a smaller number") from None


def read_box(place: str, value: object) -> tuple[float, float, float, float]:
    """A box of left, top, width and height."""
    if isinstance(value, str) and value == ABSENT:
        raise InputError(f"{place} has no key 'bbox': add it")
    if not isinstance(value, (list, tuple, np.ndarray)):
        raise InputError(f"{place}: bbox is {kind_of(value)}: write a list of left, top, width and height")
    if len(value) != 4:
        raise InputError(f"{place}: bbox has length {len(value)}: write left, top, width and height")
    left, top, width, height = (read_number(place, "a value of bbox", side) for side in value)
    return left, top, width, height


def read_crowd(place: str, row: int, value: object, forms: Forms) -> bool:
    """Whether an annotation is a crowd. Text and 0.5 are rejected: pycocotools treats them inconsistently."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if not is_number(value) or not math.isfinite(value) or value != int(value):
        raise InputError(f"{place}: iscrowd is {shown(value)} ({kind_of(value)}): write 0 or 1")
    if is_float(value):
        forms.add("value(s) of iscrowd are floats", f"annotations[{row}] ({shown(value)})")
    return bool(value)


def read_area(place: str, row: int, value: object, is_crowd: bool, forms: Forms) -> float:
    """The area of an annotation. It may be missing for a crowd, whose area is never used."""
    if is_crowd and not (is_number(value) and math.isfinite(value)):
        forms.add("crowd(s) have no area, which nothing reads", f"annotations[{row}]")
        return 0.0
    return read_number(place, "area", value)


def read_file_name(row: int, value: object, forms: Forms) -> str:
    """The file name of an image; "" if it is not text, since scoring does not need it."""
    if isinstance(value, str):
        return value
    forms.add("value(s) of file_name are null or not text and were read as missing", f"images[{row}] ({shown(value)})")
    return ""


def read_pixels(row: int, name: str, value: object, forms: Forms) -> int:
    """The width or height of an image; 0 if it is missing, since scoring does not need it."""
    if is_number(value) and math.isfinite(value):
        return int(value)
    forms.add(
        f"value(s) of {name} are null or not a number and were read as missing", f"images[{row}] ({shown(value)})"
    )
    return 0


def read_class_name(row: int, value: object, otherwise: str, forms: Forms) -> str:
    """The name of a category, or `otherwise` if it has none."""
    if isinstance(value, str) and value != ABSENT:
        return value
    if value is not None and value != ABSENT:
        forms.add("name(s) of categories are not text", f"categories[{row}] ({shown(value)})")
        if is_number(value):
            return str(value)
    return otherwise


def is_float(value: object) -> bool:
    """Whether a number is a float."""
    return isinstance(value, (float, np.floating))


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number (a bool is not)."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def shown(value: object) -> str:
    """A value for a message, shortened; lists and objects show as their type only."""
    if value is None or isinstance(value, (str, bool)) or is_number(value):
        text = repr(value)
        return text if len(text) <= 40 else f"{text[:40]}..."
    return kind_of(value)


def kind_of(value: object) -> str:
    """The type of a value, as a word for messages."""
    if value is None:
        return "null"
    if is_number(value):
        return "a number"
    return {str: "text", list: "a list", dict: "an object", bool: "a bool"}.get(type(value), type(value).__name__)
