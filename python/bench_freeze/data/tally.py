"""Counts of unusual files and rows that a reader met, each with one example, as numbers and as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Tally:
    """Counts by kind, in order of first occurrence, with the first example of each.

    Examples name files relative to `root`, the folder of the data set, because results are shared between machines.
    """

    root: Path | None = None
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, example: str = "", times: int = 1) -> None:
        """Add `times` occurrences of a kind; 0 has no effect."""
        if times:
            self.counts[kind] = self.counts.get(kind, 0) + times
            self.examples.setdefault(kind, example if self.root is None else example.replace(f"{self.root}/", ""))

    def __getitem__(self, kind: str) -> int:
        return self.counts.get(kind, 0)

    def notes(self, prefix: str, sentences: Mapping[str, str]) -> tuple[str, ...]:
        """A sentence for each counted kind, in the order of `sentences`. Each value has one `{}` for the number."""
        return tuple(
            f"{prefix}: {text.format(self.counts[kind])}{self._example(kind)}"
            for kind, text in sentences.items()
            if self[kind]
        )

    def _example(self, kind: str) -> str:
        example = self.examples.get(kind)
        return f" (first: {example})" if example else ""
