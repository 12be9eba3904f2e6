"""How far unfinished trainings are: one file per arm beside its future artifact, written whole at every epoch's end.

A killed run leaves these files, and the next one goes on from the last border between two epochs. They are named by the
artifact's key, so a changed input starts anew. They are removed with the end of their training.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..artifact import write_whole
from ..dualhead.unpickle import check_plain, load_plain


@dataclass(frozen=True)
class Progress:
    """One arm's state at the border before `epoch`: its own, and that of the stream of batches."""

    epoch: int
    trainee: dict[str, Any]
    order: dict[str, Any]


class ProgressStore:
    """The progress files in an artifact folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, key: str) -> Path:
        """The file of the arm whose artifact has this key."""
        return self._folder / f"progress-{key[:12]}.pt"

    def save(self, states: Mapping[str, Progress]) -> None:
        """Write the progress of several arms, by artifact key."""
        import torch

        for key, progress in states.items():
            content = io.BytesIO()
            torch.save({"key": key, **vars(progress)}, content)
            write_whole(self.path(key), content.getvalue())

    def load(self, key: str) -> Progress | None:
        """The progress of an arm; None where there is none, or a file that is cut off or of another arm.

        Raises InputError for a file that would run code: none of ours does.
        """
        path = self.path(key)
        if not path.is_file():
            return None
        content = path.read_bytes()
        check_plain(content, str(path))
        try:
            read = load_plain(content, str(path))
            if read["key"] != key:
                return None
            return Progress(read["epoch"], read["trainee"], read["order"])
        except Exception:  # whatever a damaged file raises: the training starts anew
            return None

    def remove(self, key: str) -> None:
        """Forget the progress of an arm."""
        self.path(key).unlink(missing_ok=True)
