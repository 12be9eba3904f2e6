"""Assemble a study from a study file and flags, with the embedded study's values where no data are named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .. import demo
from ..config.given import Layer, merged
from ..config.presets import kept_of_preset
from ..config.study import Study, read_toml, study_from
from ..data.shipped import COCO
from ..results.inputs import PresetFacts, preset_sentence

_DATA = ("weights", "target", "base")
# The embedded study's images are drawn at its own size; training at a preset's size would only take longer.
_SIZED_BY_DATA = ("imgsz",)


class Assembled(NamedTuple):
    """A study, with notes on how it was read."""

    study: Study
    notes: tuple[str, ...]


def assembled(layers: Sequence[Layer], where: str) -> Assembled:
    """Merge all layers, later ones overriding earlier ones, into a validated study.

    `where` names their origin in messages. Raises InputError for the first invalid value.
    """
    given = merged(layers)
    if not any(given.values.get(name) for name in _DATA):
        embedded = read_toml(demo.STUDY_FILE)
        if given.values.get("tuned"):
            del embedded["freeze"]  # with given checkpoints, train nothing that was not asked for
        given = merged([Layer(str(demo.STUDY_FILE), embedded), *layers])
        explicit = {name for layer in layers for name in layer.values}
        given.values.update({name: embedded[name] for name in _SIZED_BY_DATA if name not in explicit})
    notes = [*given.notes]
    if given.values.get("base") is None and all(given.values.get(name) for name in ("weights", "target")):
        given.values["base"] = COCO
        notes.append(f"no base set was named: {COCO}, on which the checkpoints that Ultralytics releases were trained.")
    study = study_from(given.values, where)
    return Assembled(study, tuple(notes))


def toml_layer(path: Path) -> Layer:
    """The values of a study file. Raises InputError where it cannot be read."""
    return Layer(str(path), read_toml(path))


def preset_facts(study: Study) -> PresetFacts | None:
    """The values that a study keeps from its preset and those it replaces; None without a preset."""
    name = study.preset.preset
    if name is None:
        return None
    kept, replaced = kept_of_preset(study.values())
    return PresetFacts(name=name, kept=kept, replaced=list(replaced))


def preset_note(study: Study) -> tuple[str, ...]:
    """A sentence about what the preset set; empty without a preset."""
    facts = preset_facts(study)
    return () if facts is None else (preset_sentence(facts),)
