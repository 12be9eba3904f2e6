"""The last step of a study: statistics, kept as an artifact, and the recommendation, which is made of them at once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from ..artifact import ArtifactStore
from ..conclusions import conclude, constraints_of, recommend
from ..config.study import StatisticsOptions
from ..console import Console, Step
from ..evaluate.match_file import MatchFile
from ..results.recipe import SCRATCH
from ..results.schema import Results
from ..results.study_statistics import Recommendation, Statistics
from .kept_step import kept_step

METHOD = 3  # changes with what `conclude` makes of the same rows
GAIN_METHOD = 1  # the same for the gain over scratch, where a study has such arms


class Concluded(msgspec.Struct, frozen=True):
    """What the artifact keeps."""

    statistics: Statistics | None


def study_statistics(
    results: Results,
    matches: MatchFile,
    options: StatisticsOptions,
    threads: int,
    store: ArtifactStore,
    console: Console,
) -> Statistics | None:
    """What the rows together can carry; made anew only when a row or a setting of it changed."""
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

    def build(_: Path, step: Step) -> Concluded:
        return Concluded(conclude(results, matches.evaluations(), threads, step))

    return kept_step(console, store, "compare arms", "statistics", key, build).value(Concluded).statistics


def _rows_sha256(results: Results) -> str:
    """Of originals and rows; `weights` counts only where it says something, so that older statistics are kept."""
    records = msgspec.to_builtins([results.originals, results.rows])
    for record in (*records[0], *records[1]):
        if record["weights"] is None:
            del record["weights"]
    return hashlib.sha256(msgspec.json.encode(records)).hexdigest()


def recommendation_of(results: Results) -> Recommendation | None:
    """The pick under the constraints that the study names."""
    found = results.statistics
    if found is None:
        return None
    return recommend(found, constraints_of(results.study, found.margins), str(results.study.get("split", "val")))
