"""Json for files and standard output. Names stay complete and unchanged, since json has escapes of its own."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import TypeVar

from .visible import visible, well_formed

_Found = TypeVar("_Found")


def encoded(value: object) -> bytes:
    """A value as compact json in UTF-8. Lone surrogates, which json readers refuse, are written as visible escapes."""
    import msgspec

    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_each(msgspec.to_builtins(value), well_formed))


def visible_values(value: object) -> object:
    """Plain values with every text made visible, for json that a page's scripts show on the screen."""
    return _each(value, visible)


def print_json(content: str | bytes) -> None:
    """Print json in ASCII, so that it contains nothing that a terminal or a log would obey; the values are the same."""
    text = content.decode() if isinstance(content, bytes) else content
    text = re.sub(r"[^\x20-\x7e\n]", _unicode_escape, text).replace("##", "#\\u0023")
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def print_findings(found: _Found, as_json: bool, render: Callable[[_Found], str]) -> None:
    """Print plain values as indented json, or as the text that `render` makes from them."""
    if as_json:
        print_json(json.dumps(found, indent=1))
    else:
        print(render(found))


def _unicode_escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]


def _each(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {_each(key, change): _each(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_each(item, change) for item in value]
    return value
