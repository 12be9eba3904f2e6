"""What a reader did with unusual files and rows: how often, with one example, as numbers and as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Tally:
    """Counts by kind; of each kind the first example is kept, in the order in which kinds were met.

    Examples name files relative to `root`, the folder of the data set: they stand in results, which travel.
    """

    root: Path | None = None
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, example: str = "", times: int = 1) -> None:
        """Count `times` of a kind; nothing happens for 0."""
        if times:
            self.counts[kind] = self.counts.get(kind, 0) + times
            self.examples.setdefault(kind, example if self.root is None else example.replace(f"{self.root}/", ""))

    def __getitem__(self, kind: str) -> int:
        return self.counts.get(kind, 0)

    def notes(self, prefix: str, sentences: Mapping[str, str]) -> tuple[str, ...]:
        """A sentence for each counted kind, in the order of `sentences`, whose values have one `{}` for the number."""
        return tuple(
            f"{prefix}: {text.format(self.counts[kind])}{self._example(kind)}"
            for kind, text in sentences.items()
            if self[kind]
        )

    def _example(self, kind: str) -> str:
        example = self.examples.get(kind)
        return f" (first: {example})" if example else ""
