"""Tables of plain text for logs and pipes."""

from __future__ import annotations

from collections.abc import Container, Sequence

from .visible import cell


def aligned(rows: Sequence[Sequence[str]], words: int | Container[int], gap: int = 2) -> list[str]:
    """Rows as lines with aligned columns: words to the left, other cells to the right.

    `words` has the positions of the columns of words, or the number of leading ones. A wide character (Chinese, an
    emoji) counts as two, as on a terminal.
    """
    from rich.cells import cell_len

    left = range(words) if isinstance(words, int) else words
    shown = [[cell(text) for text in row] for row in rows]
    widths = [max(cell_len(row[k]) for row in shown) for k in range(len(shown[0]))]

    def padded(text: str, k: int) -> str:
        blanks = " " * (widths[k] - cell_len(text))
        return text + blanks if k in left else blanks + text

    return [(" " * gap).join(padded(text, k) for k, text in enumerate(row)).rstrip() for row in shown]


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """A text in lines of at most `width` columns; lines after the first begin with `indent`.

    Words are never broken: a word that is too wide gets a line of its own.
    """
    from rich.cells import cell_len

    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append((indent if lines else "") + word)
    return lines
