"""Commands to copy into a shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from .visible import visible


def command(words: Iterable[str]) -> str:
    """Words as one line for bash, zsh and POSIX 2024; characters that cannot be seen or typed are written as bytes."""
    return " ".join(shlex.quote(word) if visible(word) == word else _by_bytes(word) for word in words)


def words_of(text: str) -> list[str]:
    """The words of a command that was kept as text; empty if the text, which others may have written, is not one."""
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _by_bytes(word: str) -> str:
    return "$'" + "".join(_letter(letter) for letter in word) + "'"


def _letter(letter: str) -> str:
    if letter in "\\'":
        return f"\\{letter}"
    if visible(letter) == letter:
        return letter
    return "".join(f"\\x{byte:02x}" for byte in letter.encode("utf-8", "surrogateescape"))
