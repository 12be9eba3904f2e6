"""The last step of a study: its statistics, kept as an artifact."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from ..artifact import ArtifactStore
from ..conclusions import conclude
from ..config.study import StatisticsOptions
from ..console import Console, Step
from ..evaluate.match_file import MatchFile
from ..results.recipe import SCRATCH
from ..results.schema import Results
from ..results.study_statistics import Statistics
from .kept_step import kept_step

METHOD = 4  # increased whenever `conclude` gives different results for the same rows
GAIN_METHOD = 1  # the same for the gain over scratch, where a study has such arms
PROTOCOLS_METHOD = 1  # the same for AP by protocol, where a study asks for it


class Concluded(msgspec.Struct, frozen=True):
    """The content of the artifact."""

    statistics: Statistics | None


def study_statistics(
    results: Results,
    matches: MatchFile,
    options: StatisticsOptions,
    threads: int,
    store: ArtifactStore,
    console: Console,
) -> Statistics | None:
    """The statistics of all rows; computed again only when a row or a setting changed. None where there are none."""
    key = {
        "rows_sha256": _rows_sha256(results),
        "classes": [results.data["base"].classes, results.data["target"].classes, results.weights["classes"]],
        "same_classes": list(options.same_classes),
        "equivalence_margins": list(options.equivalence_margins),
        "resamples": options.resamples,
        "method": METHOD,
    }
    if results.pretrainings:
        own = results.pretrainings
        key["pretrainings"] = [[found.name, found.architecture, found.classes, found.base.classes] for found in own]
    if any(row.recipe == SCRATCH.name for row in results.rows):
        key["gain_method"] = GAIN_METHOD
    if any(row.target.by_protocol for row in results.rows):
        key["protocols_method"] = PROTOCOLS_METHOD

    def build(_: Path, step: Step) -> Concluded:
        return Concluded(conclude(results, matches.evaluations(), threads, step))

    return kept_step(console, store, "compare arms", "statistics", key, build).value(Concluded).statistics


def _rows_sha256(results: Results) -> str:
    """Hash of originals and rows. Fields that newer versions added count only if set, so that older artifacts match."""
    records = msgspec.to_builtins([results.originals, results.rows])
    for record in (*records[0], *records[1]):
        del record["detections"]  # names of files, which no statistic reads
        for name in ("weights_file", "onnx_file", "plan_file"):
            del record["artifact"][name]
        if record["weights"] is None:
            del record["weights"]
        if "train" in record and record["train"]["given"] is None:
            del record["train"]["given"]
        record.get("train", {}).pop("curves", None)  # statistics do not use the curves
        scopes = [record["latency"][scope] for scope in ("model", "pipeline")]
        plans = (record.get("builds") or {}).get("plans", ())
        for latency in (*scopes, *(plan["model"] for plan in plans)):
            if latency is not None and latency["ratio_to_original"] is None:
                del latency["ratio_to_original"]
    return hashlib.sha256(msgspec.json.encode(records)).hexdigest()
