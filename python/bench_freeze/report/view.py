"""The content of a report as plain values: terminal, Markdown, CSV and HTML read their numbers only from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..results.identity import RowKey
from ..results.profile import Profile
from ..results.schema import Original, Results, Row

Kind = Literal["original", "model", "mean", "profile"]
Format = Literal["text", "fraction", "change", "milliseconds", "joules", "megabytes", "rate", "ratio"]
Better = Literal["higher", "lower"]

MAIN = ("target_map", "change", "ratio", "size")  # columns of the deciding numbers: first in every form

UNJUDGED = "UNJUDGED"  # not timed, or timed by a version without verdicts
VERDICTS = ("VALID", UNJUDGED, "AMBIGUOUS", "INVALID")  # from best to worst


@dataclass(frozen=True)
class Value:
    """A number in the unit of the results, with its interval; None where there is none. `note` adds an explanation."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""

    @property
    def has_interval(self) -> bool:
        """Whether both ends are known."""
        return self.low is not None and self.high is not None


@dataclass(frozen=True)
class Column:
    """One column of the table; `words` describe its content."""

    key: str
    heading: str
    format: Format
    words: str
    better: Better | None = None

    @property
    def is_text(self) -> bool:
        """Whether its cells are words, not numbers."""
        return self.format == "text"


@dataclass(frozen=True)
class RowView:
    """One row: its identity, its numbers by column, and the record that it was read from."""

    id: str  # unique on the page, safe as an anchor
    words: Mapping[str, str]  # the words of its name, by column key
    kind: Kind
    source: str
    key: RowKey  # for a profile: based on the row of the same file, where there is one
    identity: Mapping[str, str]  # the key as it is shown, by column key
    values: Mapping[str, Value]  # by column key
    verdict: str  # the worse of its scopes' verdicts
    reasons: tuple[str, ...]
    record: Row | Original | Profile
    arm: str = ""  # id of the row with the mean over seeds, if this row is one of the seeds
    breaks: tuple[str, ...] = ()  # sentences about constraints that the arm breaks
    on_front: bool | None = None  # None where the results hold no front

    @property
    def name(self) -> str:
        """Its name, which is unique once all rows are assembled."""
        return self.name_with()

    def name_with(self, **changed: str) -> str:
        """The name with some words replaced; an empty word is left out."""
        return " ".join(word for word in {**self.words, **changed}.values() if word)

    def value(self, key: str) -> Value:
        """A number of this row; an empty Value where it has none."""
        return self.values.get(key, Value())


@dataclass(frozen=True)
class AnswerView:
    """One answer of a decision: `headline` summarizes it, and `facts` lists the details with intervals."""

    title: str
    name: str
    headline: str
    file: str  # the deployed file relative to the output folder; empty where unknown
    facts: tuple[tuple[str, str], ...]
    against: str  # a comparison with the other answer; empty if there is only one

    @property
    def sentence(self) -> str:
        """The headline followed by the file."""
        return f"{self.headline}, {self.file}" if self.file else self.headline


@dataclass(frozen=True)
class Decision:
    """What a study recommends. Without answers there is no pick, and `reason` says why."""

    answers: tuple[AnswerView, ...]
    reason: str
    grade: str | None  # of the evidence; None in older files
    grade_reasons: tuple[str, ...]
    next_steps: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Remark:
    """Something wrong or doubtful, and the remedy if there is one."""

    text: str
    remedy: str = ""


@dataclass(frozen=True)
class StudyView:
    """One results file under the name that the report gives it."""

    name: str
    results: Results
    title: str  # a one-line description of the study
    asked: str
    caption: str
    decision: Decision | None = None
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class ProfileView:
    """One profile under its name, and its row in the table."""

    name: str
    profile: Profile
    row: RowView


@dataclass(frozen=True)
class View:
    """Everything in a report except its pictures. `columns` are those in which at least one row has a value."""

    studies: tuple[StudyView, ...]
    profiles: tuple[ProfileView, ...]
    columns: tuple[Column, ...]
    rows: tuple[RowView, ...]
    picked: tuple[str, ...] = ()  # ids of the recommended rows
    scored_on: tuple[str, ...] = ()  # sentences about the images on which profiles were scored
    absent: tuple[str, ...] = ()  # sentences about missing columns and intervals, and why they are missing

    @property
    def title(self) -> str:
        """The title of the study, or the number of files compared."""
        titles = [study.title for study in self.studies]
        return titles[0] if len(titles) == 1 else f"{len(self.studies) + len(self.profiles)} files compared"

    @property
    def names(self) -> Sequence[Column]:
        """The columns that name a row."""
        return [column for column in self.columns if column.is_text]

    @property
    def numbers(self) -> Sequence[Column]:
        """The columns that hold numbers."""
        return [column for column in self.columns if not column.is_text]

    @property
    def main(self) -> Sequence[Column]:
        """The columns of the deciding numbers."""
        return [column for column in self.columns if column.key in MAIN]

    def top(self) -> list[RowView]:
        """The rows of the main table: single rows, and for arms with several seeds their means."""
        return [row for row in self.rows if not row.arm]

    def measured(self) -> list[RowView]:
        """Rows with a measurement of their own."""
        return [row for row in self.rows if row.kind != "mean"]

    def arms(self) -> list[RowView]:
        """Every arm once: the mean over seeds where a study has one, otherwise its row."""
        means = [row for row in self.rows if row.kind == "mean"]
        known = {(row.source, row.key) for row in means}
        single = [row for row in self.rows if row.kind == "model"]
        return means + [row for row in single if (row.source, row.key.without("seed")) not in known]

    def models(self, *kinds: Kind) -> list[RowView]:
        """Rows of these kinds, in order."""
        return [row for row in self.rows if row.kind in kinds]


def worse(verdicts: Sequence[str | None]) -> str:
    """The worst of the verdicts; a missing verdict, or an empty sequence, counts as unjudged."""
    return max((verdict or UNJUDGED for verdict in verdicts or [None]), key=VERDICTS.index)
