"""Shell completion with argcomplete: the shell asks this program, which answers from its parser."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable

from ..config.aliases import ALIASES, PLACE
from ..config.study import fields


def completed(action: argparse.Action, words: Iterable[str]) -> None:
    """Offer these words as values of a flag; in a list, the last word is completed."""
    known = tuple(words)

    def offer(prefix: str, **_: object) -> list[str]:
        before, comma, _last = prefix.rpartition(",")
        return [f"{before}{comma}{word}" for word in known]

    action.completer = offer  # type: ignore[attr-defined]  # argcomplete looks for it


def study_words(prefix: str, **_: object) -> list[str]:
    """Completions after `run`: options as `key=`, and study files."""
    keys = [option.name for option in fields() if option.name not in ("batch", "train_args")]
    words = [f"{key}=" for key in (*keys, *(alias.word for alias in ALIASES), *PLACE)]
    folder = prefix.rpartition("/")[0]
    try:
        files = sorted(os.listdir(folder or "."))  # noqa: PTH208 - a missing folder is not an error
    except OSError:
        files = []
    return [*words, *(f"{folder}/{file}" if folder else file for file in files if file.endswith(".toml"))]


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a completion request and exit; without argcomplete, do nothing."""
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(parser)
