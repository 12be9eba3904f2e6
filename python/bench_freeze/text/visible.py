"""Make characters visible that would act on a terminal, hide text or change its direction; readable text stays."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

CELL = 120  # characters of a name in a table; more would push the numbers out of sight
LINE = 4000  # characters of a line: enough for the longest path of Linux, but not for a whole file in one name
ELLIPSIS = "\u2026"

_ZWNJ, _ZWJ = "\u200c", "\u200d"
_VARIATIONS = "\ufe00-\ufe0f"
_NONCHARACTERS = "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
# Explicit ranges, since Unicode's categories differ between versions of Python: control characters, marks of the
# writing direction, zero-width characters, lone surrogates (file name bytes that are not UTF-8), private characters.
_HIDDEN = (
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    f"\u2060-\u206f\u3164\ud800-\udfff\ue000-\uf8ff{_VARIATIONS}\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    f"\U0001d173-\U0001d17a\U000e0000-\U000e0fff\U000f0000-\U0010ffff{_NONCHARACTERS}]"
)
_VIRAMA = 9  # the combining class of the signs after which Indic scripts join or part letters
_PICTOGRAPHS = range(0x1F000, 0x1FC00)  # also those that this Python's Unicode does not know yet


def visible(text: str) -> str:
    """One line of text with each hidden character shown as its escape: ESC becomes \\x1b.

    Joiners stay where a script or an emoji needs them. Applying it again changes nothing.
    """
    return text if text.isascii() and text.isprintable() else _hidden().sub(_escaped, text)


def shortened(text: str, most: int) -> str:
    """Text of at most `most` characters. Of a longer text both ends stay, since names often differ at the end."""
    if len(text) <= most:
        return text
    tail = (most - 1) // 3
    head = text[: most - 1 - tail].rstrip(_ZWJ + _ZWNJ)
    end = text[len(text) - tail :]
    while end and (unicodedata.combining(end[0]) or _hidden().match(end)):  # belongs to the letter that was cut off
        end = end[1:]
    return f"{head}{ELLIPSIS}{end}"


def cell(text: str) -> str:
    """A name for a cell of a text table."""
    return shortened(visible(text), CELL)


def well_formed(text: str) -> str:
    """Text that UTF-8 can encode: lone surrogates, which occur in file names and json, become escapes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return re.sub("[\ud800-\udfff]", _escape, text)
    return text


@cache
def _hidden() -> re.Pattern[str]:
    """The pattern of a hidden character. Only text that needs it pays for compiling it."""
    return re.compile(_HIDDEN)


def _is_variation(letter: str) -> bool:
    return _VARIATIONS[0] <= letter <= _VARIATIONS[-1]


def _escaped(match: re.Match[str]) -> str:
    return match[0] if _joins(match.string, match.start()) else _escape(match)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def _joins(text: str, at: int) -> bool:
    """Whether a zero-width character stands where a script or an emoji needs it."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if not before:
        return False
    if _is_variation(text[at]):
        return not before.isspace() and not _hidden().match(before)
    if text[at] == _ZWJ:
        drawn = text[at - 2 : at - 1] if _is_variation(before) else before
        return unicodedata.combining(before) == _VIRAMA or (_is_drawn(drawn) and _is_drawn(after))
    if text[at] == _ZWNJ:
        return unicodedata.combining(before) == _VIRAMA or all(
            unicodedata.bidirectional(letter) == "AL" for letter in (before, after or " ")
        )
    return False


def _is_drawn(letter: str) -> bool:
    """Whether a character is an emoji or another pictograph, including skin colours."""
    return bool(letter) and (ord(letter) in _PICTOGRAPHS or unicodedata.category(letter) == "So")
