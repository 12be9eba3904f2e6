"""The whole study, top to bottom: fine-tune at every depth, make the models, export, run, score, time, report."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

from . import __version__
from .artifact import Artifact, output_folder, write_whole
from .console import Console
from .engines.availability import require_engine
from .environment import environment
from .errors import MeasurementError
from .evaluate.match_file import MatchFile
from .examples.write import write_report
from .finetune.arm import Arm
from .report.schema import Latencies, MatchFileFacts, Results, encode
from .spec.study import Study
from .study.analyses import measure_findings
from .study.concluding import recommendation_of, study_statistics
from .study.inputs import Inputs, data_facts, read_inputs
from .study.rows import PROTOCOL, measure_original, measure_row
from .study.trained import Trained
from .study.trainings import trained_arms

RESULTS = "results.json"
MATCHES = "matches.zip"


def run(study: Study, console: Console, command: list[str]) -> Results:
    """Run a study, or what is left of it; results.json in the output folder is written after every row.

    Raises InputError for anything the user can mend, and AuditError when a result could not be trusted. What was
    finished before stays in the output folder, and the same command goes on from there.
    """
    for engine in study.engine:
        require_engine(engine, study.device)
    with output_folder(study.out_folder) as store:
        inputs = read_inputs(study, store, console)
        results, matches = _begin(study, inputs, command), MatchFile()
        if inputs.no_test is not None:
            results.warnings.append(inputs.no_test)
            console.warn(inputs.no_test)
        originals = {}
        for how in study.deployments:
            originals[how] = measure_original(*how, study, inputs, store, matches, console)
            results.originals.append(originals[how])
            _keep(study.out_folder, results, matches, originals[how].latency)
        for arm, tuned in trained_arms(study, inputs, store, results, console):
            _warn_of_changes(tuned, arm, results, console)
            findings = measure_findings(Trained(study, arm, tuned, inputs, store, console))
            for construction, how in product(study.construction, study.deployments):
                row = measure_row(
                    construction, *how, arm, tuned, originals[how], findings, study, inputs, store, matches, console
                )
                results.rows.append(row)
                _keep(study.out_folder, results, matches, row.latency)
        results.finished = True
        results.statistics = study_statistics(results, matches, study, store, console)
        results.recommendation = recommendation_of(results)
        _write(study.out_folder, results, matches)
        write_report(study.out_folder, results, study, inputs, store, console)
    return results


def _begin(study: Study, inputs: Inputs, command: list[str]) -> Results:
    return Results(
        bench_freeze=__version__,
        about=_about(study, inputs),
        command=shlex.join(command),
        finished=False,
        study=asdict(study),
        settings={
            "protocol": PROTOCOL,
            "score_threshold": study.score_threshold,
            "nms_iou_threshold": study.nms_iou_threshold,
            "max_detections": study.max_detections,
            "multi_label": True,
            "matching_iou_thresholds": "0.50:0.05:0.95",
            "matching_max_detections": 100,
        },
        environment=environment(),
        weights=_weights(inputs),
        data=data_facts(inputs),
    )


def _about(study: Study, inputs: Inputs) -> str:
    sizes = f"{len(inputs.target.images)} target and {len(inputs.base_set.images)} base images at {study.imgsz} pixels"
    if study.embedded:
        return f"Real results of the small embedded problem (generated shapes), {sizes}; they say nothing about COCO."
    return f"{inputs.target.name} and {inputs.base_set.name}, {sizes}"


def _weights(inputs: Inputs) -> dict[str, Any]:
    layers = inputs.base.layers
    return {
        "sha256": inputs.base.sha256,
        "classes": list(inputs.base.class_names),
        "precision": "fp16" if inputs.base.half else "fp32",
        "backbone_end": layers.backbone_end,
        "stride": layers.stride,
        "layers": [asdict(layer) for layer in layers.layers],
    }


def _warn_of_changes(tuned: Artifact, arm: Arm, results: Results, console: Console) -> None:
    """Say it when a training argument did not run as asked: a comparison would otherwise compare something else."""
    for name, (asked, got) in tuned.facts["changed"].items():
        text = f"{arm.name}: {name} = {asked} was asked for, the training ran with {got}"
        results.warnings.append(text)
        console.warn(text)


def _keep(folder: Path, results: Results, matches: MatchFile, latency: Latencies) -> None:
    """Write what there is; a latency that broke off ends the run then."""
    _write(folder, results, matches)
    if latency.failure is not None:
        raise MeasurementError(
            f"the latency measurement broke off: {latency.failure}; the row and its samples are in {folder / RESULTS}, "
            "the same command measures it again and goes on."
        )


def _write(folder: Path, results: Results, matches: MatchFile) -> None:
    results.matches = MatchFileFacts(**matches.write(folder / MATCHES))
    write_whole(folder / RESULTS, encode(results))
