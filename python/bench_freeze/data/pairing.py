"""Pair a head with the data set that it is scored on: classes by name, without unmatched categories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from ..errors import InputError
from .classes import ClassMap, map_classes, normalized
from .dataset import DetectionSet, keep_classes


def share_a_class(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Whether any class has the same name on both sides."""
    return not set(map(normalized, a)).isdisjoint(map(normalized, b))


def choose_head(heads: Mapping[str, tuple[str, ...]], data_names: tuple[str, ...], where: str) -> str:
    """The name of the head that shares most classes with a data set, by the rule of pairing.

    Raises InputError, which asks for --head, on a tie. `where` names the data set.
    """
    categories = set(map(normalized, data_names))
    common = {head: len(categories & set(map(normalized, names))) for head, names in heads.items()}
    best = [head for head, count in common.items() if count == max(common.values())]
    if len(best) > 1:
        raise InputError(
            f"{where}: the heads {' and '.join(best)} have {common[best[0]]} classes each in common with it; say which "
            "one to score with --head."
        )
    return best[0]


def unpaired(class_names: tuple[str, ...], data: DetectionSet) -> tuple[DetectionSet, ClassMap]:
    """The images without ground truth, for a head that shares no class with the data set."""
    nothing = np.full(len(class_names), -1, np.int32)
    return keep_classes(data, ()), ClassMap(nothing, class_names, data.class_names)


def pair_with_head(
    class_names: tuple[str, ...], data: DetectionSet, *, unmatched: Literal["error", "ignore"], head: str, where: str
) -> tuple[DetectionSet, ClassMap]:
    """The data set cut to the scored categories, and its pairing with the head. `head` and `where` are for messages.

    Raises InputError if the two share no name, and with `unmatched` "error" if a name has no partner.
    """
    asked = map_classes(class_names, data.class_names, unmatched=unmatched, head=head, data=where)
    keep = tuple(k for k, name in enumerate(data.class_names) if name not in asked.left_out_categories)
    if not keep:
        raise InputError(f"{where}: no category has the name of a class of {head}; is it the right data set?")
    data = keep_classes(data, keep)
    paired = map_classes(class_names, data.class_names, unmatched="ignore", head="", data="")
    return data, ClassMap(paired.head_to_data, asked.left_out_classes, asked.left_out_categories)
