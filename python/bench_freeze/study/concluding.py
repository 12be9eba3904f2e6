"""The last step of a study: statistics, kept as an artifact, and the recommendation, which is made of them at once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import msgspec

from ..artifact import ArtifactStore
from ..conclusions import conclude, constraints_of, recommend
from ..console import Console
from ..evaluate.match_file import MatchFile, parse_matches
from ..report.schema import Results
from ..report.statistics_schema import Recommendation, Statistics
from ..spec.study import Study

METHOD = 2  # changes with what `conclude` makes of the same rows


def study_statistics(
    results: Results, matches: MatchFile, study: Study, store: ArtifactStore, console: Console
) -> Statistics | None:
    """What the rows together can carry; made anew only when a row or a setting of it changed."""
    rows = msgspec.json.encode([results.originals, results.rows])
    key = {
        "rows_sha256": hashlib.sha256(rows).hexdigest(),
        "classes": [results.data["base"].classes, results.data["target"].classes, results.weights["classes"]],
        "same_classes": list(study.same_classes),
        "equivalence_margins": list(study.equivalence_margins),
        "resamples": study.resamples,
        "method": METHOD,
    }
    with console.step("compare arms") as step:

        def build(folder: Path) -> dict[str, Any]:
            evaluations = parse_matches(matches.content(), "the match data of this run")
            threads = study.workers or min(os.cpu_count() or 1, 8)
            return {"statistics": msgspec.to_builtins(conclude(results, evaluations, threads, step))}

        kept, made = store.produce("statistics", key, build)
        step.kept = not made
    return msgspec.convert(kept.facts["statistics"], Statistics | None)


def recommendation_of(results: Results) -> Recommendation | None:
    """The pick under the constraints that the study names."""
    found = results.statistics
    if found is None:
        return None
    return recommend(found, constraints_of(results.study, found.margins), str(results.study.get("split", "val")))
