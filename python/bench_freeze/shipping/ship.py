"""Ships a row of a finished study as a folder: verified copies, model.json and README.md, complete or not at all."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from .. import __version__
from ..engines.model_file import read_own_card
from ..engines.plan_file import side_car_path
from ..errors import InputError
from ..evaluate.evaluation import Evaluation
from ..evaluate.match_file import parse_matches
from ..files import partial_folder
from ..results.identity import key_of
from ..results.open_parts import Settings
from ..results.schema import Results, Row
from ..results.shipped import MODEL_JSON, Numbers, Selection, Shipped, ShippedFile, ShippedHead
from ..text.json_text import encoded
from ..user_files import MAX_DATA, read_file, writing
from .choose import Chosen
from .place import README, is_ours, put_in_place
from .readme import readme
from .thresholds import shipped_head

_AGAIN = "run the study's command again, which keeps finished work"


@dataclass(frozen=True)
class _Source:
    """A file of the study, and its name in the shipped folder."""

    path: Path
    sha256: str | None  # None: not recorded, because it belongs to a file whose hash was
    name: str


def ship(out: Path, results: Results, chosen: Chosen, to: Path, *, replace: bool = False) -> Path:
    """Write the folder `to` for a row of the study in `out`. Returns `to`.

    Raises InputError if the study is not finished, if files are missing or have changed, or if `to` exists; with
    `replace`, an existing folder of ours is replaced.
    """
    if not results.finished:
        raise InputError(f"{out}: its run did not finish, so nothing is chosen yet; {_AGAIN}.")
    with writing(to, "--to"):
        if (to.exists() or to.is_symlink()) and not (replace and is_ours(to)):
            raise InputError(f"{to} exists already; give another --to, or remove it.")
        sources = _sources(out, results, chosen.row)
        partial = partial_folder(to.absolute().parent, to.name)
        try:
            files = {role: _copied(source, partial / source.name) for role, source in sources.items()}
            shipped = _shipped(results, chosen, files, _heads(out, results, chosen.row, partial / "model.onnx"))
            (partial / MODEL_JSON).write_bytes(msgspec.json.format(encoded(shipped), indent=1) + b"\n")
            (partial / README).write_text(readme(shipped, results, chosen), encoding="utf-8")
            put_in_place(partial, to)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return to


def _sources(out: Path, results: Results, row: Row) -> dict[str, _Source]:
    """The files of a row by role. A row without an ONNX file runs in torch, from its checkpoints."""
    own = row.artifact
    found: dict[str, _Source] = {}
    if own.weights_file is None or (own.onnx_sha256 is not None and own.onnx_file is None):
        raise InputError(f"{out}: its results come from an earlier version and do not name the files; {_AGAIN}.")
    if own.onnx_file is not None:
        found["onnx"] = _Source(out / own.onnx_file, own.onnx_sha256, "model.onnx")
    if own.plan_file is not None:
        plan = out / own.plan_file
        found["plan"] = _Source(plan, own.plan_sha256, "model.plan")
        found["plan_side_car"] = _Source(side_car_path(plan), None, "model.plan.json")
    found["tuned"] = _Source(out / own.weights_file, own.weights_sha256, "tuned.pt")
    if own.onnx_file is None and row.graft_at is not None:
        found["base"] = _base_checkpoint(out, results, row)
    return found


def _base_checkpoint(out: Path, results: Results, row: Row) -> _Source:
    original = next((o for o in results.originals if o.weights == row.weights and o.engine == row.engine), None)
    if original is None:
        raise InputError(
            f"{out}: its results have no original model for {row.engine}, which the base head is taken from."
        )
    if original.artifact.weights_file is not None:
        path = out / original.artifact.weights_file
    else:
        own = results.pretraining(row.weights)
        path = Path(str(results.study.get("weights") if own is None else own.file))
    return _Source(path, original.artifact.weights_sha256, "base.pt")


def _copied(source: _Source, to: Path) -> ShippedFile:
    """Copy a file. Raises InputError if it is missing, or is no longer the one that the study measured."""
    content = read_file(source.path, "file of the study", _AGAIN, MAX_DATA)
    sha256 = hashlib.sha256(content).hexdigest()
    if source.sha256 not in (None, sha256):
        raise InputError(f"{source.path} is not the file that the study measured: it changed since; {_AGAIN}.")
    to.write_bytes(content)
    return ShippedFile(file=source.name, sha256=sha256, bytes=len(content))


def _shipped(results: Results, chosen: Chosen, files: dict[str, ShippedFile], heads: list[ShippedHead]) -> Shipped:
    row = chosen.row
    settings = msgspec.convert(results.settings, Settings)
    quoted = results.recommendation.quoted if chosen.is_pick and results.recommendation is not None else None
    return Shipped(
        bench_freeze=__version__,
        row=chosen.name,
        is_pick=chosen.is_pick,
        identity={name: value for name, value in key_of(row).parts().items() if value is not None},
        graft_at=row.graft_at,
        head_branch=row.head_branch,
        files=files,
        heads=heads,
        imgsz=row.imgsz,
        batch=row.batch,
        selection=Selection(
            score_threshold=settings.score_threshold,
            nms_iou_threshold=settings.nms_iou_threshold,
            max_detections=settings.max_detections,
        ),
        numbers=Numbers(
            target_map=row.target.map,
            target_map50=row.target.map50,
            target_test_map=None if row.target_test is None else row.target_test.map,
            base_map=row.base.map,
            base_map_original=row.base_original.map,
            model_p50_s=None if row.latency.model is None else row.latency.model.p50_s,
            pipeline_p50_s=None if row.latency.pipeline is None else row.latency.pipeline.p50_s,
            quoted=None if quoted is None else quoted.value,
        ),
        study_sha256={role: data.sha256 for role, data in results.data.items()},
    )


def _heads(out: Path, results: Results, row: Row, onnx: Path) -> list[ShippedHead]:
    """The heads in the model's order, each with its measurements on its own data set."""
    evaluations = _evaluations(out, results)
    own = results.pretraining(row.weights)
    sets = {"target": results.data["target"], "base": results.data["base"] if own is None else own.base}
    measured = {"target": row.target.matches, "base": row.base.matches}
    heads = []
    for name, classes, kind in _heads_of(results, row, onnx):
        kept = measured[name]
        evaluation = None if kept is None else evaluations.get(kept)
        heads.append(shipped_head(name, kind, classes, sets[name], evaluation))
    return heads


def _heads_of(results: Results, row: Row, onnx: Path) -> list[tuple[str, tuple[str, ...], str]]:
    """Name, classes and kind of every head: from the ONNX file, or from the study if there is none."""
    if onnx.is_file():
        return [(head.name, head.class_names, head.kind) for head in read_own_card(onnx).heads]
    kind = "detections" if row.head_branch == "one2one" else "raw"
    own = results.pretraining(row.weights)
    base = results.weights["classes"] if own is None else own.classes
    target = ("target", tuple(results.data["target"].classes), kind)
    return [target] if row.graft_at is None else [("base", tuple(base), kind), target]


def _evaluations(out: Path, results: Results) -> dict[str, Evaluation]:
    """The match data of the study, by key; empty if it kept none. Raises InputError if the file has changed."""
    facts = results.matches
    if facts is None:
        return {}
    path = out / facts.file
    content = read_file(path, "match file", _AGAIN, MAX_DATA)
    if hashlib.sha256(content).hexdigest() != facts.sha256:
        raise InputError(f"{path} is not the match file that results.json names; {_AGAIN}.")
    return parse_matches(content, str(path))
