"""Build a view from the contents of files: name rows, add intervals to numbers, and drop columns without numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..results.identity import PARTS, RowKey, key_of
from ..results.profile import Profile
from ..results.schema import Latencies, Latency, Original, Results, Row
from .arms import no_intervals, picked, with_statistics
from .asked import asked, caption, title
from .columns import ALWAYS, NAMES, NUMBERS, VERDICT
from .decision import decision_of
from .marks import with_marks
from .remarks import remarks_of
from .view import Column, ProfileView, RowView, StudyView, Value, View, worse

Document = Results | Profile


def view_of(documents: Mapping[str, Document]) -> View:
    """The view of results files and profiles by name; the caller makes the names unique."""
    studies = tuple(
        StudyView(name, results, title(results), asked(results), caption(results))
        for name, results in documents.items()
        if isinstance(results, Results)
    )
    rows = [row for study in studies for row in _own_rows(study)]
    profiles = []
    for name, profile in documents.items():
        if isinstance(profile, Profile):
            row = _profile_row(name, profile, rows)
            profiles.append(ProfileView(name, profile, row))
    rows += [profile.row for profile in profiles]
    columns = _columns(rows)
    rows = list(_named(rows, columns))
    return View(
        studies=tuple(_concluded(study, _of(study, rows)) for study in studies),
        profiles=tuple(profiles),
        columns=columns,
        rows=tuple(rows),
        picked=tuple(row.id for study in studies for row in picked(_of(study, rows), study.results)),
        scored_on=tuple(_scored_sets(profiles)),
        absent=tuple(_absent(rows, studies)),
    )


def _own_rows(study: StudyView) -> list[RowView]:
    return with_marks(with_statistics(list(_study_rows(study)), study.results), study.results)


def _concluded(study: StudyView, rows: Sequence[RowView]) -> StudyView:
    """Add the decision and the remarks to a study, once its rows have names."""
    results = study.results
    return replace(study, decision=decision_of(results, rows), remarks=tuple(remarks_of(results, rows)))


def _of(study: StudyView, rows: Sequence[RowView]) -> list[RowView]:
    return [row for row in rows if row.source == study.name]


def _study_rows(study: StudyView) -> Iterable[RowView]:
    for original in study.results.originals:
        yield _row(study.name, original, _base_values(original))
    for row in study.results.rows:
        yield _row(study.name, row, _row_values(row))


def _row(source: str, record: Row | Original, values: dict[str, Value]) -> RowView:
    key = key_of(record)
    scopes = _scopes(record.latency)
    return RowView(
        id="",
        words={},
        kind="original" if isinstance(record, Original) else "model",
        source=source,
        key=key,
        identity={"source": source, **_shown(key)},
        values=values | _cost(record.latency, record.artifact.bytes),
        verdict=worse([latency.verdict for latency in scopes.values()]),
        reasons=tuple(f"{scope}: {reason}" for scope, latency in scopes.items() for reason in latency.reasons),
        record=record,
    )


def _shown(key: RowKey) -> dict[str, str]:
    """The parts of a key as cells; depth and seed always have one."""
    cells = {name: _word(value) for name, value in key.parts().items() if value is not None}
    return {"freeze": "-", "seed": "-", **cells}


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _base_values(original: Original) -> dict[str, Value]:
    return {"base_map": Value(original.base.map)}


def _row_values(row: Row) -> dict[str, Value]:
    return {
        "target_map50": Value(row.target.map50),
        "target_map": Value(row.target.map),
        "target_test": Value(row.target_test.map if row.target_test else None),
        "base_map": Value(row.base.map),
        "change": Value(row.base_delta_map),
        "merged_base": Value(row.base_merged.map if row.base_merged else None),
    }


def _cost(latencies: Latencies, size: int) -> dict[str, Value]:
    values = {"size": Value(float(size))}
    for scope, latency in _scopes(latencies).items():
        for percent in ("p50", "p99"):
            values[f"{scope}_{percent}"] = percentile(latency, percent)
    return values


def percentile(latency: Latency, percent: str) -> Value:
    """A percentile with its 95 % bounds, or the number of samples that it still needs."""
    bounds = latency.bounds.get(percent)
    value = getattr(latency, f"{percent}_s")
    if bounds is None:
        return Value(value)
    note = f"{bounds.missing} more samples needed" if bounds.missing else ""
    return Value(value, bounds.low_s, bounds.high_s, note)


def _scopes(latencies: Latencies | None) -> dict[str, Latency]:
    if latencies is None:
        return {}
    both = {"model": latencies.model, "pipeline": latencies.pipeline}
    return {scope: latency for scope, latency in both.items() if latency is not None}


def _profile_row(name: str, profile: Profile, rows: Sequence[RowView]) -> RowView:
    """A profile as a row; a study's row of the same file, if there is one, identifies its model."""
    twin = next((row for row in rows if _onnx(row) == profile.model["sha256"]), None)
    engine = profile.engine
    deployed = {
        "engine": str(engine["name"]),
        "precision": str(engine["precision"]),
        "imgsz": int(profile.model["imgsz"]),
        "batch": profile.batch,
        "device": str(engine["device"]),
    }
    known = dict.fromkeys(PARTS) | {"construction": profile.model["file"]} if twin is None else twin.key.parts()
    key = RowKey(**{**known, **deployed})
    scopes = _scopes(profile.latency)
    values = _profile_accuracy(profile)
    values |= _cost(profile.latency, profile.model["bytes"]) if profile.latency else {}
    rates = [point.images_per_s for point in profile.throughput if point.images_per_s is not None]
    values["throughput"] = Value(max(rates, default=None))
    if (energy := profile.energy) is not None:
        values["energy"] = Value(
            energy.joules_per_call, min(energy.windows_j, default=None), max(energy.windows_j, default=None)
        )
    return RowView(
        id="",
        words={},
        kind="profile",
        source=name,
        key=key,
        identity={"source": name, **_shown(key)},
        values=values,
        verdict=worse([latency.verdict for latency in scopes.values()]),
        reasons=tuple(f"{scope}: {reason}" for scope, latency in scopes.items() for reason in latency.reasons),
        record=profile,
    )


def _profile_accuracy(profile: Profile) -> dict[str, Value]:
    """The accuracies of a profile in the columns of a study's rows; the notes name the images."""
    values: dict[str, Value] = {}
    for scored in profile.accuracy:
        note = f"{scored.head} head on {scored.data}, {scored.images} image{'' if scored.images == 1 else 's'}"
        merged = None if scored.merged is None else scored.merged.map
        own = (
            {"target_map50": scored.alone.map50, "target_map": scored.alone.map}
            if scored.role == "target"
            else {"base_map": scored.alone.map, "merged_base": merged}
        )
        values |= {key: Value(value, note=note) for key, value in own.items() if value is not None}
    return values


def _onnx(row: RowView) -> str | None:
    return None if isinstance(row.record, Profile) else row.record.artifact.onnx_sha256


def _columns(rows: Sequence[RowView]) -> tuple[Column, ...]:
    names = [
        column
        for column in NAMES
        if column.key in ALWAYS or len({row.identity[column.key] for row in rows if _says(row, column)}) > 1
    ]
    numbers = [column for column in NUMBERS if any(row.value(column.key).value is not None for row in rows)]
    timed = any(key in row.values for row in rows for key in ("model_p50", "pipeline_p50"))
    return (*names, *numbers, *((VERDICT,) if timed else ()))


def _says(row: RowView, column: Column) -> bool:
    return row.identity.get(column.key, "-") != "-"


def _scored_sets(profiles: Sequence[ProfileView]) -> Iterable[str]:
    """The images behind the accuracy of each profile, which may differ from a study's."""
    for view in profiles:
        sets = dict.fromkeys(view.row.value(key).note for key in ("target_map", "base_map") if key in view.row.values)
        if sets:
            yield f"Accuracy of {view.name}: {'; '.join(sets)}."


def _absent(rows: Sequence[RowView], studies: Sequence[StudyView]) -> Iterable[str]:
    """Sentences on commonly expected columns that are missing, and why."""
    yield from dict.fromkeys(sentence for study in studies for sentence in no_intervals(study.results))
    if not any(row.value("energy").value is not None for row in rows):
        missing = [
            r.latency.telemetry.get("missing", {}) for s in studies for r in s.results.rows if r.latency.telemetry
        ]
        reasons = dict.fromkeys(text for reasons in missing for key, text in reasons.items() if key != "jetson")
        why = f" ({'; '.join(reasons)})" if reasons else ""
        yield f"Energy: not measured{why}; bench-freeze profile measures it on machines with a counter."
    p99 = [row.values[key] for row in rows for key in ("model_p99", "pipeline_p99") if key in row.values]
    if p99 and all(value.value is None for value in p99):
        yield "p99 of the latencies: needs at least 662 samples (--latency-samples)."
    if not any("model_p50" in row.values for row in rows):
        yield "Latency: not measured."


def _named(rows: Sequence[RowView], columns: Sequence[Column]) -> Iterable[RowView]:
    """The rows with distinct names made of construction, depth and whatever else varies."""
    varying = [c.key for c in columns if c.is_text and c.key not in (*ALWAYS, "source", "verdict")]
    several = len({row.source for row in rows}) > 1
    named = [replace(row, words=_words(row, varying, several)) for row in rows]
    counts, seen = Counter(row.name for row in named), Counter[str]()
    arms: dict[tuple[str, RowKey], str] = {}
    for position, row in enumerate(named):
        seen[row.name] += 1
        number = {} if counts[row.name] == 1 else {"number": f"({seen[row.name]})"}
        own = f"row-{position}"
        if row.kind == "mean":
            arms[row.source, row.key] = own
        arm = arms.get((row.source, row.key.without("seed")), "") if row.kind == "model" else ""
        yield replace(row, id=own, words={**row.words, **number}, arm=arm)


def _words(row: RowView, varying: Sequence[str], several: bool) -> dict[str, str]:
    """The words of a row's name by column; a mean over seeds has the name of its arm."""
    prefix = {"seed": "seed ", "imgsz": "", "batch": "batch ", "data_fraction": "data "}
    words = {"source": f"{row.source}:"} if several else {}
    for part in ("construction", "freeze", *varying):
        word = row.identity.get(part, "-")
        if word != "-" and not (part == "seed" and row.kind == "mean"):
            words[part] = prefix.get(part, "") + word
    return words
