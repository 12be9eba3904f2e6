"""What a report shows, as plain values: terminal, Markdown, CSV and HTML read their numbers here and nowhere else."""

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

MAIN = ("target_map", "change", "ratio", "size")  # columns of the numbers that decide: first in every form

UNJUDGED = "UNJUDGED"  # not timed, or by a version that gave no verdicts
VERDICTS = ("VALID", UNJUDGED, "AMBIGUOUS", "INVALID")  # from good to bad


@dataclass(frozen=True)
class Value:
    """A number in the results' own unit with its interval; `value` is None where there is none, and `note` says why."""

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
    """One column of the table: `words` say what its numbers are."""

    key: str
    heading: str
    format: Format
    words: str
    better: Better | None = None

    @property
    def is_text(self) -> bool:
        """Whether its cells are words that name a row, not numbers."""
        return self.format == "text"


@dataclass(frozen=True)
class RowView:
    """One row: who it is, its numbers by column, and the record it was read from."""

    id: str  # unique on the page, safe as an anchor
    words: Mapping[str, str]  # of its name, by what they say
    kind: Kind
    source: str
    key: RowKey  # of a profile: of the row that measured the same file, where there is one
    identity: Mapping[str, str]  # the same as it is shown, by column key
    values: Mapping[str, Value]  # by column key
    verdict: str  # the worse one of its scopes
    reasons: tuple[str, ...]
    record: Row | Original | Profile
    arm: str = ""  # id of the row that is the mean over the seeds that this is one of
    breaks: tuple[str, ...] = ()  # constraints that the arm breaks, as sentences
    on_front: bool | None = None  # None where the results hold no front

    @property
    def name(self) -> str:
        """Unique in words, once all rows are there."""
        return self.name_with()

    def name_with(self, **changed: str) -> str:
        """The name with other words in some places; an empty one leaves its place out."""
        return " ".join(word for word in {**self.words, **changed}.values() if word)

    def value(self, key: str) -> Value:
        """A number of this row; an empty one where it has none."""
        return self.values.get(key, Value())


@dataclass(frozen=True)
class AnswerView:
    """One answer of a decision: `headline` says all of it, `facts` the same one by one, with intervals."""

    title: str
    name: str
    headline: str
    file: str  # deployed, relative to the output folder; empty where none is known
    facts: tuple[tuple[str, str], ...]
    against: str  # what it gives and costs against the other answer; empty where there is one answer

    @property
    def sentence(self) -> str:
        """The headline with the file."""
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
    """Something that was found wrong or doubtful, and what to do about it where something can be done."""

    text: str
    remedy: str = ""


@dataclass(frozen=True)
class StudyView:
    """One results file under the name by which the report calls it."""

    name: str
    results: Results
    title: str  # what the study is, in a line
    asked: str
    caption: str
    decision: Decision | None = None
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class ProfileView:
    """One profile under its name, and the row that it measured when a study knows the same file."""

    name: str
    profile: Profile
    row: RowView


@dataclass(frozen=True)
class View:
    """Everything of a report but its pictures. `columns` are those in which some row says something."""

    studies: tuple[StudyView, ...]
    profiles: tuple[ProfileView, ...]
    columns: tuple[Column, ...]
    rows: tuple[RowView, ...]
    picked: tuple[str, ...] = ()  # ids of rows that are recommended
    scored_on: tuple[str, ...] = ()  # sentences: on which images profiles were scored
    absent: tuple[str, ...] = ()  # sentences: what the columns do not say, and which are left out and why

    @property
    def title(self) -> str:
        """What the numbers are of."""
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
        """The numbers that decide."""
        return [column for column in self.columns if column.key in MAIN]

    def top(self) -> list[RowView]:
        """The rows of the main table: what stands on its own, and means over seeds for their arms."""
        return [row for row in self.rows if not row.arm]

    def measured(self) -> list[RowView]:
        """Rows with a measurement of their own."""
        return [row for row in self.rows if row.kind != "mean"]

    def arms(self) -> list[RowView]:
        """What was tried, each once: the mean over seeds where a study has one, else its rows."""
        means = [row for row in self.rows if row.kind == "mean"]
        known = {(row.source, row.key) for row in means}
        single = [row for row in self.rows if row.kind == "model"]
        return means + [row for row in single if (row.source, row.key.without("seed")) not in known]

    def models(self, *kinds: Kind) -> list[RowView]:
        """Rows of these kinds, in order."""
        return [row for row in self.rows if row.kind in kinds]


def worse(verdicts: Sequence[str | None]) -> str:
    """The worst of some verdicts; one that is missing, or having none at all, counts as unjudged."""
    return max((verdict or UNJUDGED for verdict in verdicts or [None]), key=VERDICTS.index)
