"""The pages that users read, as they are built, and the code blocks in them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from docs.generate import filled
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[3]
SITE = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "bench" / "README.md", *SITE]


class Block(NamedTuple):
    """A fenced block: its page, its first line there, its language and what is in it."""

    page: str
    line: int
    language: str
    text: str


@cache
def text_of(page: Path) -> str:
    """A page with its generated parts."""
    return filled(page.read_text())


def blocks(language: str, pages=PAGES) -> list[Block]:
    """The blocks of a language."""
    found = []
    for page in pages:
        for token in MarkdownIt().parse(text_of(page)):
            if token.type == "fence" and token.info.strip() == language:
                found.append(Block(str(page.relative_to(ROOT)), token.map[0] + 1, language, token.content))
    return found


def lines_of(text: str) -> list[str]:
    """The command lines of a block, continuation lines joined."""
    return [line for line in re.sub(r"\\\n\s*", " ", text).splitlines() if line.strip()]
