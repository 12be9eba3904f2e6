"""Write a self-explanatory study file: every option with a description, the given and the important ones first."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from ..config.first import FIRST
from ..config.presets import PRESETS
from ..config.study import GROUPS, Option, fields
from ..text.visible import cell

_WIDTH = 110  # characters of a comment
_NAMES = 12  # classes that a comment lists
_ALWAYS = ("weights", "target", "base", "freeze", "seeds", "epochs", "imgsz", "train_batch")
_ALSO = ("construction", "engine", "precision", "device", "latency_samples")


def study_file(
    values: Mapping[str, Any], given: Sequence[str], facts: Mapping[str, Sequence[str]], command: str
) -> str:
    """The text of a study file.

    `values` holds all options of a checked study, `given` the names of those that the user set, `facts` extra lines by
    option name, and `command` the command that writes the file. Given options and those of a first study are active;
    the others are comments with their defaults.
    """
    preset = PRESETS.get(values.get("preset") or "", {})
    active = {
        *given,
        *(name for name in (*_ALWAYS, *_ALSO) if name not in preset and values.get(name) is not None),
    }
    options = fields()
    first = [next(o for o in options if o.name == name) for name in dict.fromkeys((*FIRST, *_ALSO))]
    parts = [
        f"# A study of bench-freeze, for `bench-freeze run` with this file. Written by\n#   {command}\n"
        "# Options that are commented out have their default, or what the preset sets: remove the # to change them.\n"
        "# Flags override this file."
    ]
    parts += [_entry(option, values, option.name in active, facts.get(option.name, ())) for option in first]
    for group in GROUPS:
        rest = [option for option in options if option.metadata["group"] == group and option not in first]
        if rest:
            parts.append(f"# {'-' * 20} {group} {'-' * 20}")
            parts += [_entry(option, values, option.name in active, ()) for option in rest]
    return "\n\n".join(parts) + "\n"


def _entry(option: Option, values: Mapping[str, Any], is_active: bool, facts: Sequence[str]) -> str:
    """One option: its description, the facts found about it, and its value."""
    name = {"batch": "engine_batch"}.get(option.name, option.name)
    value = values.get(option.name)
    text = str(option.metadata["help"])
    lines = [f"# {line}" for line in textwrap.wrap(f"{_begun(text)}.", _WIDTH)]
    lines += [f"#   {line}" for fact in facts for line in textwrap.wrap(cell_line(fact), _WIDTH)]
    if option.name == "train_args":
        return "\n".join(
            [*lines, f"# train_args = {_toml({'mosaic': 0.5})}"] if not value else [*lines, _set(name, value)]
        )
    if is_active:
        return "\n".join([*lines, _set(name, value)])
    default = option.default if value is None or value == () else value
    shown = _toml(_example(option)) if default is None or default == () else _toml(default)
    return "\n".join([*lines, f"# {name} = {shown}"])


def _begun(text: str) -> str:
    """The text with its first letter in upper case, unless it begins with a name such as cpu or int8."""
    first = text.split()[0]
    return text if first in ("cpu", "int8") else text[0].upper() + text[1:]


def cell_line(text: str) -> str:
    """The text as one line, without characters that would end a comment."""
    return " ".join(cell(word) for word in text.split())


def _example(option: Option) -> Any:
    """An example value for an option that has no default."""
    kind = str(option.type)
    examples = {"preset": "quick", "lr0": 0.001, "replay": [0.05], "interpolate": [0.5], "match_capacity": [22]}
    if option.name in examples:
        return examples[option.name]
    if kind.startswith("tuple[int, int, int]"):
        return [1, 8, 32]
    if kind.startswith("int"):
        return 1
    if kind.startswith("float"):
        return 0.5
    return [] if kind.startswith("tuple") else "..."


def _set(name: str, value: Any) -> str:
    return f"{name} = {_toml(value)}"


def _toml(value: Any) -> str:
    """A value in TOML syntax."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


def class_list(names: Sequence[str]) -> str:
    """The first class names, and how many more there are."""
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(cell(name) for name in names[:_NAMES]) + more
