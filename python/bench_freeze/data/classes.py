"""Pair the classes of a head with the categories of a data set: by name, never by position."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..text.suggest import nearest

LARGEST = 10**9  # class number; Python cannot print numbers of more than 4300 digits


@dataclass(frozen=True)
class ClassMap:
    """The pairing of a head's classes with a data set's categories."""

    head_to_data: NDArray[np.int32]  # [C], position of the category, -1 for a class that is left out
    left_out_classes: tuple[str, ...]  # of the head, without a category
    left_out_categories: tuple[str, ...]  # of the data set, without a class


def normalized(name: str) -> str:
    """A class name normalised for comparison: case, underscores, hyphens and outer blanks are ignored."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def names_by_number(names: object, where: str) -> tuple[str, ...]:
    """Class names in order, from a list or from a mapping of 0..n-1 to names.

    Numbers may be text, as in json and metadata. `where` names the owner in errors. Raises InputError for empty names,
    and for numbers that repeat, leave a gap, or are not whole numbers from 0.
    """
    if isinstance(names, list | tuple):
        numbered = dict(enumerate(names))
    elif isinstance(names, Mapping):
        numbered = {}
        for key, name in names.items():
            number = _class_number(key, where)
            if number in numbered:
                raise InputError(f"{where}: class number {number} is given twice; give each class one number.")
            numbered[number] = name
    else:
        raise InputError(f"{where}: class names are missing or cannot be read; give a list, or a name for each number.")
    if not numbered:
        raise InputError(f"{where}: there are no class names; give at least one.")
    for number in range(len(numbered)):
        if number not in numbered:
            raise InputError(
                f"{where}: class number {number} has no name, {max(numbered)} has one; number the classes from 0 "
                "without gaps."
            )
        # YAML reads a name such as 1, 7.5 or yes as a number or a truth value; Ultralytics turns it back into text.
        name = numbered[number]
        if not isinstance(name, str | int | float):  # not printed: nested aliases could take for ever
            raise InputError(f"{where}: the name of class {number} is not a text; give it a name.")
        if isinstance(name, int) and abs(name) >= LARGEST:
            raise InputError(f"{where}: the name of class {number} is a number of many digits; give it a name.")
        if not str(name).strip():
            raise InputError(f"{where}: the name of class {number} is empty; give it a name.")
        if not is_text(str(name)):
            raise InputError(f"{where}: the name of class {number} is not Unicode text; give it a name in UTF-8.")
    return tuple(str(numbered[number]) for number in range(len(numbered)))


def is_text(name: str) -> bool:
    """Whether a name can be encoded as UTF-8: json and Python literals may hold lone surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _class_number(key: object, where: str) -> int:
    if isinstance(key, str) and re.fullmatch(r"[0-9]{1,9}", key.strip()):
        return int(key)
    if isinstance(key, SupportsIndex) and not isinstance(key, bool) and 0 <= key.__index__() < LARGEST:  # NumPy's too
        return key.__index__()
    shown = "a number of many digits" if isinstance(key, int) and abs(key) >= LARGEST else repr(str(key)[:40])
    raise InputError(f"{where}: {shown} is not a class number; number the classes from 0.")


def map_classes(
    head_names: tuple[str, ...],
    data_names: tuple[str, ...],
    *,
    unmatched: Literal["error", "ignore"],
    head: str,
    data: str,
) -> ClassMap:
    """Pair classes and categories by name.

    `head` and `data` name the two sides in errors. Raises InputError if a name has no partner and `unmatched` is
    "error", if no name has one, or if two names of one side are equal.
    """
    positions: dict[str, int] = {}
    for k, name in enumerate(data_names):
        if normalized(name) in positions:
            raise InputError(f"{data}: two categories are named '{name}'; rename one, classes are paired by name.")
        positions[normalized(name)] = k
    seen: set[str] = set()
    for name in head_names:
        if normalized(name) in seen:
            raise InputError(f"{head}: two classes are named '{name}'; rename one, classes are paired by name.")
        seen.add(normalized(name))
    head_to_data = np.array([positions.get(normalized(n), -1) for n in head_names], dtype=np.int32)
    no_category = tuple(n for n, k in zip(head_names, head_to_data, strict=True) if k < 0)
    no_class = tuple(n for n in data_names if normalized(n) not in seen)
    if unmatched == "error":
        for names, own, other, candidates in (
            (no_category, f"class '{{}}' of {head}", f"category of {data}", data_names),
            (no_class, f"category '{{}}' of {data}", f"class of {head}", head_names),
        ):
            if names:
                near = nearest(names[0], candidates)
                hint = f" (the nearest is '{near[0]}')" if near else ""
                more = f" and {len(names) - 1} more" if len(names) > 1 else ""
                raise InputError(
                    f"{own.format(names[0])}{more} has no {other} of that name{hint}; rename it, or leave such classes "
                    "out with --unmatched-classes ignore."
                )
    return ClassMap(head_to_data, no_category, no_class)
