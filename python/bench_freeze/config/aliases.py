"""Ultralytics' option names and their equivalents here: one table for flags, `key=value` and study files.

docs/reference/ultralytics.md is generated from it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from ..errors import InputError
from ..text.suggest import hint


class Alias(NamedTuple):
    """Another word for an option of a study."""

    word: str
    option: str
    meaning: str


ALIASES = (
    Alias("model", "weights", "the checkpoint that is fine-tuned"),
    Alias("data", "target", "the data set to learn"),
    Alias("seed", "seeds", "one seed, or several"),
    Alias("fraction", "data_fractions", "share of the training images"),
    Alias("conf", "score_threshold", "the lowest score that is kept"),
    Alias("iou", "nms_iou_threshold", "the IoU threshold of suppression"),
    Alias("max_det", "max_detections", "detections kept per image"),
    Alias("engine_batch", "batch", "the engine's batch size, under an unambiguous name"),
)
OPTION_OF = {alias.word: alias.option for alias in ALIASES}

# Together they are the output folder, as in Ultralytics: OUT = project/name.
PLACE = {"project": "the folder of the output folder (default: runs)", "name": "the name of the output folder"}

# In Ultralytics, `batch` is the training's; here it has been the engine's since the first version.
BATCH = "batch"
SCRATCH = "scratch"
TRAIN_BATCH = "train_batch"

# These mean the same in both tools, so they need no alias.
SAME = ("epochs", "imgsz", "freeze", "optimizer", "lr0", "device", "workers", "split", "opset", "train_batch")

# Arguments of Ultralytics' training that have no option of their own: `mosaic=0.5` is `--train-args mosaic=0.5`.
TRAINING_WORDS = (
    "cache", "deterministic", "cos_lr", "close_mosaic", "amp",
    "multi_scale", "channels_last", "lrf", "momentum", "weight_decay", "warmup_epochs", "warmup_momentum",
    "warmup_bias_lr", "box", "cls", "cls_pw", "dfl", "nbs", "hsv_h", "hsv_s", "hsv_v", "degrees", "translate",
    "scale", "shear", "perspective", "flipud", "fliplr", "bgr", "mosaic", "mixup", "cutmix", "copy_paste",
    "copy_paste_mode",
)  # fmt: skip

# Words that mean something in Ultralytics but nothing here, and what to do instead.
ELSEWHERE = {
    "task": "all studies are detection studies; leave it out",
    "mode": "the command itself says so; leave it out",
    "resume": "the same command continues where it stopped; leave it out",
    "exist_ok": "the same command continues in the same folder; leave it out",
    "save": "everything is kept; leave it out",
    "save_period": "a training that was cut short continues after its last finished epoch; leave it out",
    "val": "every model is scored; leave it out",
    "plots": "the report has plots; leave it out",
    "verbose": "give --verbose to see every row and conclusion",
    "pretrained": "every training starts from the weights; give scratch=True to add an arm from random weights",
    "cls_remap": "give head_init, which says how the new head starts",
    "single_cls": "classes are scored separately; leave it out",
    "rect": "trainings use square images; leave it out",
    "half": "give precision=fp16",
    "int8": "give precision=int8",
    "quantize": "give precision=fp16 or precision=int8",
    "format": "give engine=ort for ONNX, engine=trt for TensorRT",
    "dynamic": "give dynamic_batch=1,8,32",
    "cfg": "name a study file directly: bench-freeze run study.toml",
    "time": "the result would depend on the speed of the machine; give epochs",
}
# Values of options by other tools' names.
VALUES = {
    "onnx": "ort", "onnxruntime": "ort", "tensorrt": "trt", "pytorch": "torch", "pt": "torch",
    "half": "fp16", "float16": "fp16", "float32": "fp32", "float": "fp32", "full": "fp32",
    "head": "branched", "dual": "branched", "graft": "grafted", "single": "plain",
}  # fmt: skip
# Commands by Ultralytics' names.
COMMAND_WORDS = {
    "train": "run", "detect": "run", "fit": "run", "finetune": "run", "tune": "run", "study": "run",
    "val": "eval", "test": "eval", "score": "eval", "benchmark": "profile", "time": "profile", "convert": "export",
    "compare": "check", "checks": "doctor", "info": "doctor", "show": "report", "new": "init", "help": "--help",
    "version": "--version",
}  # fmt: skip


def renamed(values: Mapping[str, object], where: str) -> dict[str, object]:
    """Rename options to their own names. Raises InputError for an option given under two names."""
    found: dict[str, object] = {}
    by: dict[str, str] = {}
    for word, value in values.items():
        option = OPTION_OF.get(word, word)
        if option in found:
            raise InputError(f"{where}: {by[option]} and {word} are two names of the same option; give one of them.")
        found[option], by[option] = value, word
    return found


def scratch_of_weights(values: Mapping[str, object], where: str) -> dict[str, object]:
    """Turn `scratch` in the list of weights, beside checkpoints, into the option of that name.

    Raises InputError if no checkpoint is left to define the layers.
    """
    weights = values.get("weights")
    if not isinstance(weights, list | tuple) or SCRATCH not in weights:
        return dict(values)
    named = [name for name in weights if name != SCRATCH]
    if not named:
        raise InputError(
            f"{where}: weights = {SCRATCH} alone defines no layers; also name the checkpoint whose layers get random "
            "weights."
        )
    return {**values, "weights": named, SCRATCH: True}


def spelled(key: str) -> str:
    """The flag of a key, without its dashes."""
    name = OPTION_OF.get(key, key) if key != BATCH else BATCH
    return "engine-batch" if name == BATCH and key != BATCH else name.replace("_", "-")


def other_words(choices: Collection[str]) -> dict[str, str]:
    """Other tools' words for choices, with the choice that each means."""
    return {word: here for word, here in VALUES.items() if here in choices}


def device_name(given: object) -> object:
    """A device in a study's notation: Ultralytics' 0 is cuda:0. Anything else is left to validation."""
    text = str(given) if isinstance(given, int | str) and not isinstance(given, bool) else ""
    if re.fullmatch("[0-9]{1,4}", text):
        return f"cuda:{int(text)}"
    return "cuda:0" if text == "cuda" else given


def batch_note(value: object, form: str) -> str:
    """The note on how an option called `batch` was understood; `form` is how it was written."""
    return (
        f"{form} was taken as the engine's batch size; {_spelled('engine_batch', form)} says so, and the training's, "
        f"which Ultralytics calls batch, is {_spelled(TRAIN_BATCH, form)}."
    )


def _spelled(option: str, form: str) -> str:
    return f"--{option.replace('_', '-')}" if form.startswith("--") else option


def unknown(word: str, known: list[str], where: str) -> InputError:
    """The message for a word that is not an option of a study."""
    if word in ELSEWHERE:
        return InputError(f"{where}: '{word}' is an option of Ultralytics and not of bench-freeze: {ELSEWHERE[word]}.")
    if word in TRAINING_WORDS:
        return InputError(f"{where}: '{word}' is an argument of Ultralytics' training; give it in train_args.")
    words = [*known, *OPTION_OF, *PLACE]
    return InputError(f"{where}: '{word[:100]}' is not a key of a study; {hint(word, words, what='known keys are')}")
