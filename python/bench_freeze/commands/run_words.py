"""Translate the arguments of `bench-freeze run`, in all their forms, into flags of the parser.

`model=a.pt`, `--model a.pt` and `--weights a.pt` are equivalent, and `--freeze 10 22` is `--freeze 10,22`. Results
record the translated words as the command, so reports only deal with one form.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..config.aliases import BATCH, ELSEWHERE, OPTION_OF, PLACE, TRAIN_BATCH, TRAINING_WORDS, spelled
from ..config.study import Option, fields
from ..errors import InputError
from ..text.suggest import hint

WHERE = "run"
_BARE = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)=(.*)", re.DOTALL)
_NUMBERS = re.compile(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?(,[-+]?[0-9.]*(e[-+]?[0-9]+)?)*,?", re.IGNORECASE)
_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Words(NamedTuple):
    """The words of a command, and notes on how they were understood."""

    words: tuple[str, ...]
    notes: tuple[str, ...]


def run_words(typed: Sequence[str]) -> Words:
    """Translate typed words into flags. Raises InputError for a `key=value` that is not an option."""
    options = {option.name: option for option in fields()}
    left, words, notes = list(typed), [], []
    named: dict[str, str] = {}
    while left:
        word = left.pop(0)
        if word == "--":
            words += [word, *left]
            break
        bare = _BARE.fullmatch(word)
        if bare is not None and not Path(word).exists():
            key, value = _plain(bare[1]), bare[2]
            if key == BATCH:
                key = TRAIN_BATCH
                notes.append(_bare_batch(value))
            if key in TRAINING_WORDS:
                words += ["--train-args", f"{key}={value}"]
                continue
            option = options.get(OPTION_OF.get(key, key))
            if option is None and key not in PLACE:
                raise _unknown(word, key, options)
            _refuse_list(bare[1], value)
        elif word.startswith("--"):
            name, equals, text = word[2:].partition("=")
            key, value = _plain(name), text if equals else None
            option = options.get(OPTION_OF.get(key, key))
            if option is None and key not in PLACE:
                words.append(word)
                continue
        else:
            words.append(word)
            continue
        own = OPTION_OF.get(key, key) if key != BATCH else BATCH
        if named.setdefault(own, key) != key:
            raise InputError(f"{WHERE}: {named[own]} and {key} are two names of the same option; give one of them.")
        words += _flag(key, option, value, left)
    return Words(tuple(words), tuple(notes))


def _flag(key: str, option: Option | None, value: str | None, left: list[str]) -> list[str]:
    """One flag with its values, taken from the words `left` if they are not part of its own word."""
    flag = "--" + spelled(key)
    if option is not None and option.type == "bool":
        if value is None and left and left[0].lower() in ("true", "false"):
            value = left.pop(0)
        if value is None:
            return [flag]
        if value.lower() not in _YES_NO:
            raise InputError(f"{WHERE}: {key} = '{value[:100]}' is neither yes nor no; give {key}=True or {key}=False.")
        return [flag if _YES_NO[value.lower()] else "--no-" + flag[2:]]
    if value is None:
        if not left:
            return [flag]  # argparse says what is missing
        value = left.pop(0)
    if option is not None and str(option.type).startswith("tuple"):
        while left and _goes_on(left[0], option):
            value = f"{value.rstrip(',')},{left.pop(0).lstrip(',')}"
    return [f"{flag}={value}"] if value.startswith("-") else [flag, value]


def _goes_on(word: str, option: Option) -> bool:
    """Whether a word is another value of the list before it: `--freeze 10 22`, but not a study file after it."""
    if "int" in str(option.type) or "float" in str(option.type):
        return _NUMBERS.fullmatch(word) is not None
    has_pairs = "=" in (option.metadata["metavar"] or "")
    return not word.startswith("-") and not word.endswith(".toml") and (has_pairs or "=" not in word)


def _plain(name: str) -> str:
    return name.replace("-", "_")


def _refuse_list(key: str, value: str) -> None:
    if value.startswith("["):
        items = value.strip("[]").replace(" ", "")
        layers = " In Ultralytics a list names single layers, which a study cannot freeze." if key == "freeze" else ""
        raise InputError(f"{WHERE}: {key}={value[:100]}: give several values as {key}={items[:100]}.{layers}")


def _bare_batch(value: str) -> str:
    return (
        f"batch={value} was taken as Ultralytics means it, the training's batch size (--{spelled(TRAIN_BATCH)}); the "
        f"engine's batch size, for which latencies are measured, is engine_batch=N."
    )


def _unknown(word: str, key: str, options: dict[str, Option]) -> InputError:
    if key in ELSEWHERE:
        return InputError(
            f"{WHERE}: {word[:100]}: '{key}' is an option of Ultralytics and not of bench-freeze: {ELSEWHERE[key]}."
        )
    known = [*options, *OPTION_OF, *PLACE, *TRAINING_WORDS]
    return InputError(
        f"{WHERE}: {word[:100]}: '{key[:100]}' is not an option; "
        f"{hint(key, known, all_in='`bench-freeze run --help-all` lists all')}"
    )
