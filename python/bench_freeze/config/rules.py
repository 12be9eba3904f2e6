"""What a study's values have to keep to; fields and their types are in study.py."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import InputError
from ..text.paths import require_utf8
from .bounds import check_bounds
from .training import check_training

if TYPE_CHECKING:
    from .study import Study

# Ultralytics' names of what a study sets itself: given as train_args they would contradict it unseen.
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
    require_utf8(study.out_folder, f"out = {study.out_folder}")
    check_bounds(study)
    positive = ("epochs", "train_batch", "batch", "builds", "imgsz", "max_detections", "opset")
    for name in positive:
        if getattr(study, name) < 1:
            raise InputError(f"{name} = {getattr(study, name)} is out of range; give a whole number of at least 1.")
    if study.imgsz % STRIDE:
        raise InputError(
            f"imgsz = {study.imgsz} is no multiple of the model's stride {STRIDE}; use "
            f"{max(1, round(study.imgsz / STRIDE)) * STRIDE}."
        )
    if study.dynamic_batch is not None:
        low, usual, high = study.dynamic_batch
        if not 1 <= low <= usual <= high:
            raise InputError(
                f"dynamic_batch = {low},{usual},{high} is no smallest, usual, largest batch; use for example 1,8,32."
            )
        if not low <= study.batch <= high:
            raise InputError(
                f"batch = {study.batch} is outside of dynamic_batch = {low},{usual},{high}; "
                f"give one from {low} to {high}."
            )
    for name in ("score_threshold", "nms_iou_threshold"):
        if not 0 <= getattr(study, name) <= 1:
            raise InputError(f"{name} = {getattr(study, name)} is out of range; give a number from 0 to 1.")
    if study.lr0 is not None and not 0 < study.lr0 < float("inf"):
        raise InputError(f"lr0 = {study.lr0} is out of range; give a number above 0, for example 0.001.")
    if study.latency_samples < 0 or not study.latency_seconds > 0:
        raise InputError("latency_samples must be at least 0 and latency_seconds above 0.")
    if study.retime and study.latency_samples == 0:
        raise InputError("retime measures latencies again and latency_samples = 0 measures none; leave one out.")
    if study.recover < 0:
        raise InputError(
            f"recover = {study.recover} is below 0; give a number of epochs, for example 10, or 0 for none."
        )
    _check_statistics(study)
    if study.workers is not None and study.workers < 1:
        raise InputError(f"workers = {study.workers} is out of range; give at least 1.")
    if not re.fullmatch(r"cpu|cuda:[0-9]{1,4}", study.device):
        raise InputError(f"device = '{study.device}' is not known; use cpu, cuda:0, cuda:1 ...")
    for name in ("engine", "precision", "construction", "seeds", "freeze", "recipe", "data_fractions", "weights"):
        value = getattr(study, name)
        if value is not None and len(value) == 0:
            raise InputError(f"{name} is empty; name at least one.")
        if value is not None and len(set(value)) != len(value):
            raise InputError(f"{name} = {','.join(map(str, value))} names something twice; name each once.")
    if "torch" in study.engine and "fp32" not in study.precision:
        raise InputError(
            f"precision = {','.join(study.precision)} leaves engine torch nothing to run: it runs fp32 only; add fp32, "
            "or use --engine ort or trt."
        )
    check_training(study)
    if study.builds > 1 and "trt" not in study.engine:
        raise InputError(f"builds = {study.builds} is for TensorRT plans; add engine trt, or leave it out.")
    if any(seed < 0 for seed in study.seeds):
        raise InputError("a seed is below 0; seeds are whole numbers from 0.")
    if study.freeze is not None and min(study.freeze) < 0:
        raise InputError(f"freeze = {min(study.freeze)} is below 0; 0 freezes nothing, N freezes layers 0 to N-1.")
    if study.frozen_bn == "train" and "branched" in study.construction:
        raise InputError(
            "frozen_bn = train changes the statistics of the frozen layers, so a branched model would not keep the "
            "base head's output; ask for --construction grafted or plain, or leave frozen_bn = eval."
        )
    for key in study.train_args:
        if key in OWN_TRAINING_KEYS:
            raise InputError(f"train_args: '{key}' is set by {OWN_TRAINING_KEYS[key]}; give that instead.")
        if key in NOT_FOR_STUDIES:
            raise InputError(f"train_args: '{key}' is not for the user to set in a study; leave it out.")
    if str(study.train_args.get("cache", "")).lower() == "disk":
        raise InputError(
            "train_args: cache = disk would write files beside the images; give cache = ram, or leave it out."
        )
    given = {"weights": study.weights, "target": study.target, "base": study.base}
    missing = [name for name, value in given.items() if value is None]
    if missing and len(missing) < 3:
        raise InputError(
            f"--{' and --'.join(missing)} is missing; a study of your own data names weights, target and base, "
            "the embedded one names none of them."
        )


def _check_statistics(study: Study) -> None:
    for margin in study.equivalence_margins:
        if not 0 < margin < 1:
            raise InputError(
                f"equivalence_margins: {margin} is out of range; give fractions of mAP, for example 0.001 (0.1 points)."
            )
    if study.resamples != 0 and study.resamples < 100:
        raise InputError(f"resamples = {study.resamples} is out of range; give 0 for none, or at least 100.")
    for name in ("max_base_drop", "min_target_map", "indifference"):
        value = getattr(study, name)
        if value is not None and not 0 <= value <= 1:
            raise InputError(f"{name} = {value} is out of range; give a fraction of mAP from 0 to 1.")
    if study.max_latency_ms is not None and not study.max_latency_ms > 0:
        raise InputError(f"max_latency_ms = {study.max_latency_ms} is out of range; give milliseconds above 0.")
    if study.max_latency_ms is not None and study.latency_samples == 0:
        raise InputError("max_latency_ms needs a latency and latency_samples = 0 measures none; leave one out.")
    for pair in study.same_classes:
        if not all(part.strip() for part in pair.partition("=")):
            raise InputError(f"same_classes: '{pair}' names no pair; give TARGET=BASE, for example red_apple=apple.")
