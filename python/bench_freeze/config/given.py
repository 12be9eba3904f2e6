"""Merge options from several places: a study file, then flags, each on top of its preset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from ..text.suggest import hint
from .aliases import BATCH, PLACE, batch_note, renamed
from .presets import PRESETS


class Layer(NamedTuple):
    """Values from one place. `where` names it in messages; `flags` is true for command line flags."""

    where: str
    values: Mapping[str, object]
    flags: bool = False


class Given(NamedTuple):
    """The values of a study by the options' own names, and notes about them."""

    values: dict[str, object]
    notes: tuple[str, ...]


def merged(layers: Sequence[Layer]) -> Given:
    """Merge the values of all layers; later ones override earlier ones.

    A preset belongs to its place: other values of the same place override it, and it overrides earlier places. Raises
    InputError for an unknown preset, an option under two names, or an output folder in two forms.
    """
    values: dict[str, object] = {}
    notes: list[str] = []
    for layer in layers:
        own = renamed(layer.values, layer.where)
        if BATCH in layer.values:
            form = f"--{BATCH} {own[BATCH]}" if layer.flags else f"{layer.where}: {BATCH} = {own[BATCH]}"
            notes.append(batch_note(own[BATCH], form))
        values = _without_place(values, own, layer.where) | _preset(own, layer.where) | own
    return Given(_with_out(values), tuple(notes))


def _preset(values: Mapping[str, object], where: str) -> dict[str, object]:
    name = values.get("preset")
    if name is None:
        return {}
    if not isinstance(name, str) or name not in PRESETS:
        raise InputError(
            f"{where}: preset = {str(name)[:100]!r} is not known; {hint(str(name), PRESETS, what='presets are')}"
        )
    return dict(PRESETS[name])


def _without_place(values: Mapping[str, object], own: Mapping[str, object], where: str) -> dict[str, object]:
    """Drop the earlier output folder if a new one is given, in any form."""
    named = [word for word in PLACE if own.get(word) is not None]
    if named and own.get("out") is not None:
        raise InputError(f"{where}: out and {named[0]} both name the output folder; give one of them.")
    dropped = ("out",) if named else tuple(PLACE) if own.get("out") is not None else ()
    return {name: value for name, value in values.items() if name not in dropped}


def _with_out(values: Mapping[str, object]) -> dict[str, object]:
    """The output folder from `project` and `name`, joined as in Ultralytics."""
    place = {word: values[word] for word in PLACE if values.get(word) is not None}
    rest = {name: value for name, value in values.items() if name not in PLACE}
    if not place:
        return rest
    for word, value in place.items():
        if not isinstance(value, str) or not value:
            raise InputError(f"{word} = {str(value)[:100]!r} does not name a folder; give its name, or leave it out.")
    target = rest.get("target")
    name = place.get("name") or (Path(target).stem if isinstance(target, str) else "demo")
    return rest | {"out": str(Path(str(place.get("project", "runs"))) / str(name))}
