"""The provenance of every row in words: hashes, versions, training, and the command that reproduces it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..results.inputs import GivenCheckpoint
from ..results.profile import Profile
from ..results.schema import Results, Row
from ..text import shell
from .files import files_of
from .reproduce import row_command
from .view import RowView, View

Facts = list[tuple[str, str]]


@dataclass(frozen=True)
class Origin:
    """The provenance of one row."""

    row: RowView
    command: str
    facts: Facts
    arguments: Facts  # the training's effective arguments


def origins(view: View) -> list[Origin]:
    """The provenance of every measured row, in order."""
    results = {study.name: study.results for study in view.studies}
    found = []
    for row in view.measured():
        record = row.record
        if isinstance(record, Profile):
            facts = [("file", record.model["file"]), ("file sha256", record.model["sha256"])]
            facts += [("engine", _values(record.engine)), ("images", record.images)]
            found.append(Origin(row, _to_copy(record.command), facts, []))
        elif row.source in results:
            study = results[row.source]
            arguments = sorted(record.train.effective.items()) if isinstance(record, Row) else []
            facts = [*_hashes(row, study), *(_training(record) if isinstance(record, Row) else ())]
            found.append(Origin(row, row_command(study, record), facts, [(k, str(v)) for k, v in arguments]))
    return found


def environment_facts(results: Results | Profile) -> Facts:
    """Machine and versions in words; unknown values are left out."""
    return list(_flat(results.environment))


def study_facts(results: Results) -> Facts:
    """Everything that the numbers of a study depend on, apart from its rows."""
    facts = [("bench-freeze", results.bench_freeze), ("command", _to_copy(results.command))]
    if results.pretrainings:
        facts += [(f"weights {found.name} sha256", found.sha256) for found in results.pretrainings]
    else:
        facts += [("base weights sha256", str(results.weights.get("sha256", "-")))]
    for role, data in results.data.items():
        crowd = f", {data.crowd_boxes} of them crowd regions" if data.crowd_boxes else ""
        facts.append((f"{role} set", f"{data.name}: {data.images} images, {data.boxes} boxes{crowd}"))
        facts.append((f"{role} set sha256", data.sha256))
        facts += [("note", note) for note in data.notes]
        left_out = [*data.left_out_classes, *data.left_out_categories]
        facts += [("left out of the scoring", ", ".join(left_out))] if left_out else []
    return [*facts, ("settings", _values(results.settings))]


def _hashes(row: RowView, results: Results) -> Iterator[tuple[str, str]]:
    assert not isinstance(row.record, Profile)
    hashes = row.record.artifact
    titles = {"onnx_file": "ONNX file", "plan_file": "plan", "weights_file": "weights"}
    for name, file in files_of(row).items():
        yield titles[name], file
    yield "weights sha256", hashes.weights_sha256
    for name, value in (("ONNX sha256", hashes.onnx_sha256), ("plan sha256", hashes.plan_sha256)):
        if value is not None:
            yield name, value
    if row.record.weights is not None:
        yield "checkpoint", row.record.weights
    if isinstance(row.record, Row):
        yield "data sha256", row.record.data_sha256
        yield "protocol", row.record.protocol
        if row.record.graft_at is not None:
            yield "shared layers", f"0 to {row.record.graft_at - 1}"
    if row.record.memory.peak_bytes is not None:
        yield "peak memory", f"{row.record.memory.peak_bytes / 1e6:.0f} MB while the base set ran"
    for scope in ("model", "pipeline"):
        if (latency := getattr(row.record.latency, scope)) is not None:
            yield (
                f"{scope} latency",
                f"{latency.n} samples after {latency.warmup_calls} warm-up calls, stopped by {latency.stopped_by}, "
                f"{sum(latency.rejected.values())} rejected",
            )


def _training(row: Row) -> Iterator[tuple[str, str]]:
    train = row.train
    if train.given is not None:
        yield from _given(train.given)
    if train.seconds is not None:
        yield "training time", f"{train.seconds:.0f} s"
    yield "head", train.head_init
    yield "frozen BatchNorm", train.frozen_bn
    audit = {k: v for k, v in train.audit.items() if v}
    if audit:
        yield "audit of the frozen part", _values(audit)
    for name, (asked, ran) in train.changed.items():
        yield f"{name}, not as asked", f"{asked} was requested, {ran} ran"


def _given(given: GivenCheckpoint) -> Iterator[tuple[str, str]]:
    yield "given checkpoint", given.file
    yield "its file's sha256", given.sha256
    how = "found by comparing bits" if given.stated_freeze is None else "stated"
    equal = f"layers 0 to {given.equal_layers - 1} have" if given.equal_layers else "no layer has"
    yield "its freeze depth", f"{how}; {equal} the base's parameters (compared as {given.compared_as})"
    if given.drifted_layers:
        yield "frozen layers whose BatchNorm statistics drifted", ", ".join(map(str, given.drifted_layers))
    for construction, reason in given.left_out.items():
        yield f"no {construction} model", reason
    yield "its training arguments", f"from {given.arguments_from}" if given.arguments_from else "not in the file"


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, "")
        elif isinstance(value, list):
            if value:
                yield prefix + key, ", ".join(f"{v:.2f}" if isinstance(v, float) else str(v) for v in value)
        elif value is not None:
            yield prefix + key, str(value)


def _to_copy(command: str) -> str:
    return shell.command(shell.words_of(command)) or command


def _values(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items() if value is not None)
