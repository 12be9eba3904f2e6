"""Which class of a head is which category of a data set: by name, never by position."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError


@dataclass(frozen=True)
class ClassMap:
    """The pairing of a head's classes with a data set's categories."""

    head_to_data: NDArray[np.int32]  # [C], position of the category, -1 for a class that is left out
    left_out_classes: tuple[str, ...]  # of the head, without a category
    left_out_categories: tuple[str, ...]  # of the data set, without a class


def normalized(name: str) -> str:
    """A class name as it is compared: case, underscores, hyphens and outer blanks do not count."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def names_by_number(names: Any, where: str) -> tuple[str, ...]:
    """Class names in the order of their numbers: a list, or a mapping whose keys are 0..n-1 as numbers or as text.

    `where` says in a message whose names these are. Raises InputError for other keys, a number that is missing or that
    comes twice ("1" and 1), and where there are no names at all.
    """
    if isinstance(names, list | tuple):
        numbered = dict(enumerate(names))
    elif isinstance(names, Mapping):
        numbered = {}
        for key, name in names.items():
            number = _class_number(key, where)
            if number in numbered:
                raise InputError(
                    f"{where}: class {number} is named twice ('{numbered[number]}' and '{name}'); keep one."
                )
            numbered[number] = name
    else:
        raise InputError(
            f"{where}: the class names are of type {type(names).__name__}; give a list, or a name for each number."
        )
    if not numbered:
        raise InputError(f"{where}: there are no class names; name every class, from number 0 on.")
    missing = [str(k) for k in range(len(numbered)) if k not in numbered]
    if missing:
        raise InputError(
            f"{where}: there are {len(numbered)} class names, numbered up to {max(numbered)}, and none for class "
            f"{', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}; number the classes 0 to "
            f"{len(numbered) - 1} without a gap."
        )
    return tuple(_class_name(numbered[k], k, where) for k in range(len(numbered)))


def _class_number(key: Any, where: str) -> int:
    text = key.strip() if isinstance(key, str) else ""
    try:
        if isinstance(key, bool):
            raise TypeError
        number = int(text) if text.isascii() and text.isdigit() else operator.index(key)
    except TypeError:
        number = -1
    if number < 0:
        raise InputError(f"{where}: '{key}' is not the number of a class; number the classes 0, 1, 2 and so on.")
    return number


def _class_name(name: Any, number: int, where: str) -> str:
    if isinstance(name, bool) or not isinstance(name, str | int | float) or not str(name).strip():
        raise InputError(f"{where}: the name of class {number} is {name!r}; give a word.")
    return str(name)


def map_classes(
    head_names: tuple[str, ...],
    data_names: tuple[str, ...],
    *,
    unmatched: Literal["error", "ignore"],
    head: str,
    data: str,
) -> ClassMap:
    """Pair classes and categories by name.

    `head` and `data` say in an error message whose names these are. Raises InputError when a name has no partner and
    `unmatched` is "error", when none has, or when two names of one side are alike.
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
                close = difflib.get_close_matches(names[0], candidates, n=1)
                hint = f" (the nearest is '{close[0]}')" if close else ""
                more = f" and {len(names) - 1} more" if len(names) > 1 else ""
                raise InputError(
                    f"{own.format(names[0])}{more} has no {other} of that name{hint}; rename it, or leave such classes "
                    "out with --unmatched-classes ignore."
                )
    return ClassMap(head_to_data, no_category, no_class)
