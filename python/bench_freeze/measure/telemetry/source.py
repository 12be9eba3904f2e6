"""The interface of every telemetry source: a name and one method. Recordings replay through the same classes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol


class Source(Protocol):
    """Reads the state of one part of a machine."""

    name: str

    def read(self) -> dict[str, Any]:
        """The state now, as plain values with units in their names; None where the machine does not report a value.

        Raises MeasurementError when the device is gone.
        """
        ...


class Folder:
    """Small kernel files below a root: "/" on a machine, a recorded copy in tests.

    A missing file reads as None. A file that exists but cannot be read is None too, with the reason in `unreadable`.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root
        self.unreadable: dict[str, str] = {}

    def text(self, path: str | Path) -> str | None:
        """A file's text without surrounding white space, or None."""
        file = self.root / path
        try:
            return file.read_text(errors="replace").strip("\0 \n\t")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:  # no permission, or a sensor that is switched off and answers EAGAIN
            self.unreadable[str(file.relative_to(self.root))] = (error.strerror or str(error)).lower()
            return None

    def number(self, path: str | Path) -> int | None:
        """The integer in a file, or None; any other content counts as unreadable."""
        text = self.text(path)
        if text is None:
            return None
        try:
            return int(text)
        except ValueError:
            self.unreadable[str(path)] = f"not a number: {text[:20]!r}"
            return None

    def glob(self, pattern: str) -> list[Path]:
        """Paths below the root, relative to it, in numerical order."""
        found = (path.relative_to(self.root) for path in self.root.glob(pattern))
        return sorted(found, key=lambda path: (len(str(path)), str(path)))


def read_all(sources: Iterable[Source]) -> dict[str, dict[str, Any]]:
    """The state of every source by its name."""
    return {source.name: source.read() for source in sources}
