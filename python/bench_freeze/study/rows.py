"""From a deployed model to a row: run it on both data sets, score it, time it. Measurements are kept as artifacts."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from msgspec.structs import replace

from ..artifact import Artifact
from ..config.deployment import Precision
from ..config.training import TrainingOptions
from ..data.classes import ClassMap, map_classes
from ..data.dataset import DetectionSet
from ..deployment.accuracy import score
from ..deployment.breakdown import score_in_parts
from ..deployment.deployment import Candidate, Deployment
from ..deployment.pipeline import HeadDetections, merge
from ..deployment.plan_builds import measure_builds
from ..export.onnx_export import MODEL
from ..export.plan import PLAN
from ..finetune.arm import CHECKPOINT, Arm, load_tuned
from ..output import ARTIFACTS
from ..results.findings import Findings
from ..results.identity import key_of
from ..results.recipe import STATIC
from ..results.schema import Accuracy, ArtifactHashes, MapPair, Memory, Original, Row, Training
from .bench import Bench, Deployed
from .curves import curves_of
from .inputs import Inputs
from .saved_detections import Scored, saved_detections

PROTOCOL = "coco"


def measure_original(bench: Bench, engine: str, precision: Precision) -> Original:
    """Measure the original model on the base set, through one engine in one precision."""
    study, inputs = bench.study, bench.inputs
    name = "original" if inputs.name is None else f"original {inputs.name}"
    candidate = Candidate("original", inputs.base, head_branch=study.deployment.head_branch)
    deployment = bench.deploy(candidate, engine, precision, name)
    try:
        base, memory = bench.detections(deployment, inputs.base_set, f"{name} on base set")
        latency = bench.latencies(deployment, name)
        scored = score_in_parts(base["base"], inputs.base_classes, inputs.base_set, study.analysis, bench.store)
        on_base = {"base": (base["base"], inputs.base_classes, inputs.base_set)}
        original = Original(
            engine=engine,
            precision=precision,
            imgsz=study.deployment.imgsz,
            batch=study.deployment.batch,
            device=deployment.device,
            base=scored.kept_in(bench.matches),
            latency=latency,
            memory=Memory(peak_bytes=memory),
            artifact=_hashes(deployment, _base_file(bench)),
            letterbox=deployment.letterbox,
            weights=inputs.name,
            head_branch=candidate.branch,
        )
        original = replace(original, detections=saved_detections(bench, key_of(original), on_base))
    finally:
        deployment.close()
    bench.lineup[key_of(original)] = Deployed(bench, deployment, name)
    return original


def measure_row(
    bench: Bench,
    arm: Arm,
    tuned: Artifact,
    findings: Findings,
    construction: str,
    engine: str,
    precision: Precision,
    original: Original,
) -> Row:
    """Measure one construction of one fine-tuned model through one engine: accuracy of both heads, latency, size."""
    study, inputs = bench.study, bench.inputs
    name = f"{construction} {arm.freeze}" if arm.recipe == STATIC else f"{construction} {arm.freeze} {arm.recipe.name}"
    name = name if inputs.name is None else f"{name} {inputs.name}"
    candidate = Candidate(construction, inputs.base, load_tuned(tuned), arm.freeze, study.deployment.head_branch)
    deployment = bench.deploy(candidate, engine, precision, name)
    try:
        on_target, _ = bench.detections(deployment, inputs.target, f"{name} on target set")
        on_base, memory = bench.detections(deployment, inputs.base_set, f"{name} on base set")
        target, target_merged = _target_accuracy(bench, on_target)
        on_test = _on_test(bench, deployment, name)
        base, base_merged = _base_accuracy(bench, on_base)
        scored = {
            "target": (on_target["target"], _own_classes(inputs.target), inputs.target),
            **on_test,
            "base": (*_base_head(bench, on_base), inputs.base_set),
        }
        before = original.base.map
        latency = bench.latencies(deployment, name)
        row = Row(
            freeze=arm.freeze,
            seed=arm.seed,
            engine=engine,
            precision=precision,
            construction=construction,
            graft_at=candidate.graft_at,
            imgsz=study.deployment.imgsz,
            batch=study.deployment.batch,
            device=deployment.device,
            protocol=PROTOCOL,
            data_sha256=data_sha256(inputs),
            target=target,
            target_merged=target_merged,
            base=base,
            base_merged=base_merged,
            base_original=MapPair(map=before, map50=original.base.map50),
            base_delta_map=None if base.map is None or before is None else base.map - before,
            latency=latency,
            train=_training(tuned, study.training),
            memory=Memory(peak_bytes=memory),
            artifact=_hashes(deployment, _below(tuned, CHECKPOINT), tuned.sha256(CHECKPOINT)),
            letterbox=deployment.letterbox,
            ladder=findings.ladder,
            analysis=findings.analysis,
            recipe=arm.recipe.name,
            data_fraction=arm.data_fraction,
            weights=inputs.name,
            head_branch=candidate.branch,
            base_output=deployment.base_output,
            target_test=score(*on_test["target_test"]).kept_in(bench.matches) if on_test else None,
            builds=measure_builds(
                deployment,
                latency,
                study.deployment.builds,
                lambda k: bench.deploy(candidate, engine, precision, f"{name} build {k}", k),
                lambda built, k: bench.latencies(built, f"{name} build {k}"),
            ),
        )
        row = replace(row, detections=saved_detections(bench, key_of(row), scored))
    finally:
        deployment.close()
    bench.lineup[key_of(row)] = Deployed(bench, deployment, f"{construction} {arm.name}")
    return row


def data_sha256(inputs: Inputs) -> str:
    """A single hash of the three data sets that a row depends on."""
    parts = (inputs.training.sha256, inputs.target.sha256, inputs.base_set.sha256)
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def _target_accuracy(bench: Bench, found: dict[str, HeadDetections]) -> tuple[Accuracy, Accuracy | None]:
    """Target accuracy of the head alone, whose matches are kept, and under the limit shared with the base head."""
    study, data = bench.study, bench.inputs.target
    classes = _own_classes(data)
    alone = score_in_parts(found["target"], classes, data, study.analysis, bench.store, keep_low=study.training.scratch)
    alone = alone.by_protocols(study.analysis.protocols)
    if "base" not in found:
        return alone.kept_in(bench.matches), None
    _, kept = merge(found["base"], found["target"], study.scoring.max_detections)
    return alone.kept_in(bench.matches), score(kept, classes, data).accuracy


def _on_test(bench: Bench, deployment: Deployment, name: str) -> dict[str, Scored]:
    """The target head's detections on the test split; empty without a test split."""
    data = bench.inputs.test
    if data is None:
        return {}
    found, _ = bench.detections(deployment, data, f"{name} on test split")
    return {"target_test": (found["target"], _own_classes(data), data)}


def _own_classes(data: DetectionSet) -> ClassMap:
    """The pairing of the target head with its own data set, whose classes it has."""
    return map_classes(data.class_names, data.class_names, unmatched="error", head="target head", data=data.name)


def _base_head(bench: Bench, found: dict[str, HeadDetections]) -> tuple[HeadDetections, ClassMap]:
    """The detections to score on the base set; those of the target head for a plain model, which has no base head."""
    inputs = bench.inputs
    if "base" in found:
        return found["base"], inputs.base_classes
    names, data = inputs.target.class_names, inputs.base_set
    return found["target"], map_classes(names, data.class_names, unmatched="ignore", head="target head", data=data.name)


def _base_accuracy(bench: Bench, found: dict[str, HeadDetections]) -> tuple[Accuracy, Accuracy | None]:
    """Base accuracy of the head alone, and under the limit shared with the target head."""
    study, store, matches, data = bench.study, bench.store, bench.matches, bench.inputs.base_set
    head, classes = _base_head(bench, found)
    alone = score_in_parts(head, classes, data, study.analysis, store).kept_in(matches)
    if "base" not in found:
        return alone, None
    kept, _ = merge(head, found["target"], study.scoring.max_detections)
    return alone, score(kept, classes, data).kept_in(matches)


def _training(tuned: Artifact, training: TrainingOptions) -> Training:
    asked = {"head_init": training.head_init, "frozen_bn": training.frozen_bn}  # a given checkpoint overrides them
    trained = msgspec.convert({**asked, **tuned.facts}, Training)
    return msgspec.structs.replace(trained, curves=curves_of(tuned))


def _hashes(deployment: Deployment, weights_file: str | None, tuned_sha256: str | None = None) -> ArtifactHashes:
    onnx, plan = deployment.onnx, deployment.plan
    return ArtifactHashes(
        weights_sha256=tuned_sha256 or deployment.weights_sha256,
        onnx_sha256=onnx.sha256(MODEL) if onnx is not None else None,
        plan_sha256=plan.sha256(PLAN) if plan is not None else None,
        bytes=deployment.size_bytes,
        file=None if deployment.file is None else f"{ARTIFACTS}/{deployment.file}",
        weights_file=weights_file,
        onnx_file=_below(onnx, MODEL) if onnx is not None else None,
        plan_file=_below(plan, PLAN) if plan is not None else None,
    )


def _below(artifact: Artifact, name: str) -> str:
    """An artifact's file relative to the output folder."""
    return f"{ARTIFACTS}/{artifact.folder.name}/{name}"


def _base_file(bench: Bench) -> str | None:
    """The base checkpoint relative to the output folder; None where it lies elsewhere, like a user's own."""
    file, out = Path(bench.inputs.weights.file).resolve(), bench.study.out_folder.resolve()
    return str(file.relative_to(out)) if file.is_relative_to(out) else None
