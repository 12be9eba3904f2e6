"""Ultralytics' words and ours, and the presets, from their tables in the code."""

from __future__ import annotations

from bench_freeze.config.aliases import ALIASES, ELSEWHERE, PLACE, SAME, TRAINING_WORDS, spelled
from bench_freeze.config.presets import PRESETS
from bench_freeze.results.inputs import _words

from .markdown import table


def alias_table() -> str:
    """Another name for the same option."""
    rows = [(f"`{alias.word}`", f"`--{spelled(alias.word)}`", alias.meaning) for alias in ALIASES]
    rows += [(f"`{word}`", "`--out`", meaning) for word, meaning in PLACE.items()]
    return table(["Ultralytics", "here", "meaning"], rows)


def same_words() -> str:
    """Options of one name and one meaning in both tools."""
    return ", ".join(f"`{word}`" for word in SAME)


def training_words() -> str:
    """Arguments that go to Ultralytics' training as they are."""
    return ", ".join(f"`{word}`" for word in TRAINING_WORDS)


def elsewhere_table() -> str:
    """Words without a meaning here, with what to do instead."""
    return table(["Ultralytics", "instead"], [(f"`{word}`", instead) for word, instead in ELSEWHERE.items()])


def preset_table() -> str:
    """What every preset sets."""
    rows = [
        (f"`{name}`", ", ".join(f"`{key}` {_words(value)}" for key, value in preset.items()))
        for name, preset in PRESETS.items()
    ]
    return table(["preset", "sets"], rows)
