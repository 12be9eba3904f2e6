"""The whole study, top to bottom: fine-tune at every depth, make the models, export, run, score, time, report."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import product
from pathlib import Path

from . import __version__
from .analysis.analyses import measure_findings
from .analysis.trained import Trained
from .artifact import Artifact, ArtifactStore
from .conclusions import recommend
from .conclusions.contradictions import mark_contradictions
from .config.study import Study
from .console import Console
from .data.many_files import default_workers
from .engines.availability import require_engine
from .environment import environment
from .errors import MeasurementError
from .evaluate.match_file import MatchFile
from .files import write_whole
from .finetune.arm import Arm
from .gallery.write import write_report
from .output import output_folder
from .results.schema import Latencies, MatchFileFacts, Results, encode
from .results.sealing import seal
from .shipping.pick import ship_pick
from .study.assembled import preset_facts
from .study.bench import Bench, Lineup
from .study.concluding import study_statistics
from .study.facts import data_facts, pretrainings, study_facts, weights_facts
from .study.inputs import Inputs, read_inputs
from .study.plan import plan_of
from .study.race_plan import check_budget, units_after_race, units_of_race
from .study.rows import PROTOCOL, measure_original, measure_row
from .study.step_count import steps_to_come
from .study.together import time_together
from .study.training_images import held_out_notes
from .study.trainings import trained_arms
from .trackers.logbook import Logbook
from .trackers.opening import open_logbook
from .trackers.record import picked_files

RESULTS = "results.json"
MATCHES = "matches.zip"


def run(study: Study, console: Console, command: list[str]) -> Results:
    """Run a study, or the rest of an interrupted one. results.json in the output folder is rewritten after every row.

    Raises InputError for anything the user can fix, and AuditError if a result cannot be trusted. Finished work stays
    in the output folder, and the same command continues from there.
    """
    for engine in study.deployment.engine:
        require_engine(engine, study.deployment.device)
    folder = study.out_folder
    with output_folder(folder, console.warn) as store, _logbook(study, console) as book:
        every = read_inputs(study, store, console)
        check_budget(study, every)
        plan = plan_of(study, every, store, look_up=False)
        console.note(plan.sentence())
        for note in held_out_notes(study, every[0].training):
            console.note(f"  {note}")
        is_race = study.training.budget is not None  # a race decides on the way what it trains
        units = units_of_race(study, every, plan) if is_race else (plan.units_to_do(study.analysis), {})
        console.expect(steps_to_come(study, every), *units)
        results, matches = _begin(study, every, command), MatchFile()
        _warn(
            (*every[0].data_warnings, every[0].no_test, *(inputs.no_base_accuracy for inputs in every)),
            results,
            console,
        )
        book.start(results, lambda sentence: _warn([sentence], results, console))
        lineup: Lineup = {}
        benches = {inputs.name: Bench(study, inputs, store, matches, lineup, console) for inputs in every}
        originals = {}
        for (weights, bench), how in product(benches.items(), study.deployment.forms):
            original = originals[weights, how] = measure_original(bench, *how)
            results.originals.append(original)
            _keep(folder, results, matches, store, original.latency)
        after = partial(units_after_race, plan, study)
        for inputs, arm, tuned in trained_arms(study, every, store, results, console, after):
            _warn_of_changes(tuned, arm, results, console)
            bench = benches[inputs.name]
            findings = measure_findings(Trained.of(bench, arm, tuned))
            given = inputs.given_arm(arm)
            asked = study.deployment.construction
            constructions = asked if given is None else given.constructions(asked)
            for construction, how in product(constructions, study.deployment.forms):
                original = originals[inputs.name, how]
                row = measure_row(bench, arm, tuned, findings, construction, *how, original)
                results.rows.append(row)
                book.row(row)
                _keep(folder, results, matches, store, row.latency)
        broke_off = time_together(lineup, results)
        _warn((*broke_off, *mark_contradictions(results)), results, console)
        results.finished = True
        threads = study.deployment.workers or default_workers()
        results.statistics = study_statistics(results, matches, study.statistics, threads, store, console)
        results.recommendation = recommend(results)
        _write(folder, results, matches, store)
        results.best = ship_pick(folder, results, console)
        _write(folder, results, matches, store)
        page = write_report(folder, results, every, store, console)
        if not book.finish(results, (folder / RESULTS, page, *picked_files(results, folder))):
            _write(folder, results, matches, store)  # again, with the failures of trackers
    if broke_off:
        raise MeasurementError(f"{broke_off[0]} All else is in {folder / RESULTS}.")
    return results


@contextmanager
def _logbook(study: Study, console: Console) -> Iterator[Logbook]:
    with ExitStack() as stack:
        if study.output.log:
            with console.step(f"open {', '.join(study.output.log)}"):
                book = stack.enter_context(open_logbook(study.output.log, study.out_folder))
        else:
            book = Logbook(())
        yield book


def _begin(study: Study, every: Sequence[Inputs], command: list[str]) -> Results:
    return Results(
        bench_freeze=__version__,
        about=_about(study, every[0]),
        command=shlex.join(command),
        finished=False,
        study=study_facts(study),
        settings={
            "protocol": PROTOCOL,
            "score_threshold": study.scoring.score_threshold,
            "nms_iou_threshold": study.scoring.nms_iou_threshold,
            "max_detections": study.scoring.max_detections,
            "multi_label": True,
            "matching_iou_thresholds": "0.50:0.05:0.95",
            "matching_max_detections": 100,
        },
        environment=environment(),
        weights=weights_facts(every[0]),
        data=data_facts(every[0]),
        pretrainings=pretrainings(every),
        preset=preset_facts(study),
    )


def _about(study: Study, inputs: Inputs) -> str:
    images = f"{len(inputs.target.images)} target and {len(inputs.base_set.images)} base images"
    sizes = f"{images} at {study.deployment.imgsz} pixels"
    if study.data.is_embedded:
        return f"Real results of the small embedded problem (generated shapes), {sizes}; they say nothing about COCO."
    return f"{inputs.target.name} and {inputs.base_set.name}, {sizes}"


def _warn_of_changes(tuned: Artifact, arm: Arm, results: Results, console: Console) -> None:
    """Warn if a training ran with other arguments than requested, since the comparison would then be a different
    one."""
    for name, (asked, got) in tuned.facts["changed"].items():
        _warn([f"{arm.name}: {name} = {asked} was requested, but the training ran with {got}"], results, console)


def _warn(sentences: Iterable[str | None], results: Results, console: Console) -> None:
    """Show a warning on the terminal and keep it in the results."""
    for sentence in sentences:
        if sentence is not None:
            results.warnings.append(sentence)
            console.warn(sentence)


def _keep(folder: Path, results: Results, matches: MatchFile, store: ArtifactStore, latency: Latencies) -> None:
    """Write the rows so far, then raise MeasurementError if a latency measurement broke off."""
    _write(folder, results, matches, store)
    if latency.failure is not None:
        raise MeasurementError(
            f"the latency measurement broke off: {latency.failure}; the row and its samples are in {folder / RESULTS}, "
            "the same command measures it again and continues."
        )


def _write(folder: Path, results: Results, matches: MatchFile, store: ArtifactStore) -> None:
    results.artifacts = sorted(store.used)
    results.matches = MatchFileFacts(**matches.write(folder / MATCHES))
    write_whole(folder / RESULTS, seal(encode(results)))
