"""Guarded output to a terminal or a log, on standard output and standard error.

Lines go through `say` and `line`, tables that Rich draws through `Shown`. `guarded_streams` is the last line of
defence: everything that a library, a warning or argparse prints also passes through it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, cast

from .fit import fitted, terminal_width
from .log import inert
from .visible import LINE, shortened, visible

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.segment import Segment


def line(text: str) -> str:
    """Text as one line for a terminal or a log, without anything that either would obey."""
    return shortened(inert(visible(text)), LINE)


def lines(texts: Iterable[str]) -> str:
    """Each text as a line of its own."""
    return "\n".join(map(line, texts))


def say(text: str, *, error: bool = False) -> None:
    """Print one line on standard output, or on standard error; a terminal gets it broken between words."""
    stream = sys.stderr if error else sys.stdout
    width = terminal_width(stream)
    print(line(text) if width is None else "\n".join(rows(text, width)), file=stream, flush=error)


def rows(text: str, width: int) -> list[str]:
    """A text as one or more rows of a terminal of `width` cells, without anything that the terminal would obey."""
    return [inert(row) for row in fitted(line(text), width)]


def rich_console(*, error: bool = False, **options: Any) -> Console:
    """Rich's console on standard output or standard error; wrap what it prints in `Shown`."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    return Console(file=cast(TextIO, getattr(stream, "styled", stream)), highlight=False, **options)


class Shown:
    """A renderable of Rich whose text is guarded: colours stay, since Rich keeps them beside the text."""

    def __init__(self, renderable: RenderableType) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment

        for segments in Segment.split_lines(console.render(self._renderable, options)):
            yield from _guarded_line(segments)
            yield Segment.line()


def _guarded_line(segments: list[Segment]) -> Iterator[Segment]:
    from rich.segment import Segment

    drawn = [s if s.control else Segment(visible(s.text), s.style) for s in segments]
    text = "".join(s.text for s in drawn if not s.control)
    if (safe := inert(text)) == text:
        yield from drawn
    else:  # lose its colours rather than let its command run
        yield Segment(safe)


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Standard output and error as streams that guard every line.

    They stay guarded after an unexpected error, since its traceback is printed later.
    """
    before = sys.stdout, sys.stderr
    guards = _Guard(sys.stdout), _Guard(sys.stderr)
    sys.stdout, sys.stderr = cast(TextIO, guards[0]), cast(TextIO, guards[1])
    try:
        yield
    except SystemExit:
        _release(guards, before)
        raise
    _release(guards, before)


def _release(guards: tuple[_Guard, _Guard], before: tuple[TextIO, TextIO]) -> None:
    for guard in guards:
        guard.finish()
    sys.stdout, sys.stderr = before


class _Guard:
    """A text stream that passes on whole lines, each with nothing but text in it.

    `styled` is the underlying stream, for output that is guarded and coloured already. A character that the encoding
    lacks is shown as its escape: a name must not end a run because of the terminal's encoding.
    """

    def __init__(self, stream: TextIO) -> None:
        self.styled = stream
        self._rest = ""
        self._errors = stream.errors
        _set_errors(stream, "backslashreplace")

    def write(self, text: str) -> int:
        *whole, self._rest = (self._rest + text).split("\n")
        for one in whole:
            self.styled.write(inert(visible(one)) + "\n")
        return len(text)

    def writelines(self, texts: Any) -> None:
        for text in texts:
            self.write(text)

    def flush(self) -> None:
        self._write_rest()
        self.styled.flush()

    def finish(self) -> None:
        """Pass on a last line without a line end, and restore the stream."""
        if not self.styled.closed:
            self._write_rest()
            _set_errors(self.styled, self._errors)

    def _write_rest(self) -> None:
        if self._rest:
            rest, self._rest = self._rest, ""
            self.styled.write(inert(visible(rest)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.styled, name)


def _set_errors(stream: TextIO, errors: str | None) -> None:
    if hasattr(stream, "reconfigure"):  # not every stream that a test or a notebook puts there can
        stream.reconfigure(errors=errors)
