"""The rules of a study's values: within each group, then across groups."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..text.paths import require_utf8
from .bounds import check_bounds
from .training_rules import check_cluster, check_training

if TYPE_CHECKING:
    from .common import CommonOptions
    from .deployment import DeploymentOptions
    from .study import ConstraintOptions, StatisticsOptions, Study, TimingOptions

# Ultralytics' arguments that a study sets itself: given as train_args, they would silently contradict it.
OWN_TRAINING_KEYS = {
    "batch": "train_batch", "device": "device", "epochs": "epochs", "freeze": "freeze", "imgsz": "imgsz", "lr0": "lr0",
    "model": "weights", "data": "target", "optimizer": "optimizer", "seed": "seeds",
}  # fmt: skip
NOT_FOR_STUDIES = frozenset(
    {"exist_ok", "fraction", "name", "plots", "project", "resume", "save", "save_dir", "task", "val"}
)

STRIDE = 32  # every Ultralytics detection family has this maximum stride, or checks its own when the model is read


def check(study: Study) -> None:
    """Raise InputError for the first value of a study that is out of range or contradicts another."""
    training, deployment = study.training, study.deployment
    require_utf8(study.out_folder, f"out = {study.out_folder}")
    _check_values(study.values())
    _check_common(training)
    _check_deployment(deployment)
    _check_timing(study.timing)
    if study.analysis.recover < 0:
        raise InputError(
            f"recover = {study.analysis.recover} is below 0; give a number of epochs, for example 10, or 0 for none."
        )
    _check_statistics(study.statistics)
    _check_constraints(study.constraints, study.timing)
    check_training(training)
    check_cluster(study.cluster, training.device)
    if training.budget is not None and study.cluster.executor == "ray":
        raise InputError(
            "budget pauses arms and compares them in pairs, seed by seed, which no Ray Tune scheduler can do; leave "
            "out executor = ray or budget."
        )
    if training.frozen_bn == "train" and "branched" in deployment.construction:
        raise InputError(
            "frozen_bn = train changes the statistics of the frozen layers, so a branched model would not keep the "
            "base head's output; ask for --construction grafted or plain, or leave frozen_bn = eval."
        )
    _check_arguments(training.train_args)
    given = {"weights": study.data.weights, "target": study.data.target, "base": study.data.base}
    missing = [name for name, value in given.items() if value is None]
    if missing and len(missing) < 3:
        is_or_are = "is" if len(missing) == 1 else "are"
        raise InputError(
            f"--{' and --'.join(missing)} {is_or_are} missing; a study of your own data names "
            "weights (--model), target (--data) and base, the embedded one names none of them."
        )


def _check_values(values: Mapping[str, Any]) -> None:
    """Rules for options of one kind, in any group."""
    check_bounds(values)
    for name in ("epochs", "train_batch", "batch", "builds", "imgsz", "max_detections", "opset"):
        if values[name] < 1:
            raise InputError(f"{name} = {values[name]} is out of range; give a whole number of at least 1.")
    for name in ("score_threshold", "nms_iou_threshold"):
        if not 0 <= values[name] <= 1:
            raise InputError(f"{name} = {values[name]} is out of range; give a number from 0 to 1.")
    for name in (
        "engine",
        "precision",
        "construction",
        "seeds",
        "freeze",
        "recipe",
        "data_fractions",
        "weights",
        "log",
    ):
        value = values[name]
        if value is not None and len(value) == 0 and name != "log":
            raise InputError(f"{name} is empty; name at least one.")
        if value is not None and len(set(value)) != len(value):
            raise InputError(f"{name} = {','.join(map(str, value))} names something twice; name each once.")


def _check_common(options: CommonOptions) -> None:
    if options.imgsz % STRIDE:
        raise InputError(
            f"imgsz = {options.imgsz} is not a multiple of the model's stride {STRIDE}; use "
            f"{max(1, round(options.imgsz / STRIDE)) * STRIDE}."
        )
    if options.workers is not None and options.workers < 1:
        raise InputError(f"workers = {options.workers} is out of range; give at least 1.")
    if not re.fullmatch(r"cpu|cuda:[0-9]{1,4}", options.device):
        raise InputError(f"device = '{options.device}' is not known; use cpu, or one GPU: 0 or cuda:0, 1 or cuda:1 ...")


def _check_deployment(options: DeploymentOptions) -> None:
    if options.dynamic_batch is not None:
        low, usual, high = options.dynamic_batch
        if not 1 <= low <= usual <= high:
            raise InputError(
                f"dynamic_batch = {low},{usual},{high} is not a smallest, typical and largest batch; use for example "
                "1,8,32."
            )
        if not low <= options.batch <= high:
            raise InputError(
                f"batch = {options.batch} is outside dynamic_batch = {low},{usual},{high}; "
                f"give one from {low} to {high}."
            )
    if "torch" in options.engine and "fp32" not in options.precision:
        raise InputError(
            f"precision = {','.join(options.precision)} leaves nothing for engine torch to run: it runs fp32 only; add "
            "fp32, or use --engine ort or trt."
        )
    if options.builds > 1 and "trt" not in options.engine:
        raise InputError(f"builds = {options.builds} applies to TensorRT plans; add engine trt, or leave it out.")


def _check_timing(options: TimingOptions) -> None:
    if options.latency_samples < 0 or not options.latency_seconds > 0:
        raise InputError("latency_samples must be at least 0 and latency_seconds above 0.")
    if options.retime and options.latency_samples == 0:
        raise InputError("retime measures latencies again and latency_samples = 0 measures none; leave one out.")


def _check_statistics(options: StatisticsOptions) -> None:
    for margin in options.equivalence_margins:
        if not 0 < margin < 1:
            raise InputError(
                f"equivalence_margins: {margin} is out of range; give fractions of mAP, for example 0.001 (0.1 points)."
            )
    if options.resamples != 0 and options.resamples < 100:
        raise InputError(f"resamples = {options.resamples} is out of range; give 0 for none, or at least 100.")
    for pair in options.same_classes:
        if not all(part.strip() for part in pair.partition("=")):
            raise InputError(f"same_classes: '{pair}' is not a pair; give TARGET=BASE, for example red_apple=apple.")


def _check_constraints(options: ConstraintOptions, timing: TimingOptions) -> None:
    for name in ("max_base_drop", "min_target_map", "indifference"):
        value = getattr(options, name)
        if value is not None and not 0 <= value <= 1:
            raise InputError(f"{name} = {value} is out of range; give a fraction of mAP from 0 to 1.")
    if options.max_latency_ms is not None and not options.max_latency_ms > 0:
        raise InputError(f"max_latency_ms = {options.max_latency_ms} is out of range; give milliseconds above 0.")
    if options.max_latency_ms is not None and timing.latency_samples == 0:
        raise InputError("max_latency_ms needs a latency and latency_samples = 0 measures none; leave one out.")


def _check_arguments(arguments: Mapping[str, Any]) -> None:
    """Check Ultralytics' own arguments, some of which the study sets itself."""
    for key in arguments:
        if key in OWN_TRAINING_KEYS:
            raise InputError(f"train_args: '{key}' is set by {OWN_TRAINING_KEYS[key]}; give that instead.")
        if key in NOT_FOR_STUDIES:
            raise InputError(f"train_args: '{key}' cannot be set in a study; leave it out.")
    if str(arguments.get("cache", "")).lower() == "disk":
        raise InputError(
            "train_args: cache = disk would write files beside the images; give cache = ram, or leave it out."
        )
