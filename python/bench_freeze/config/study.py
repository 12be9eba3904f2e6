"""The study: everything a user may ask for, as one frozen, validated value.

Command line flags and TOML keys are made from the fields below, one to one: `train_batch` is `--train-batch` on the
command line and `train_batch = 16` in a file. This module knows no framework, so a spec is checked first.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..errors import InputError
from ..user_files import parse_toml, read_text
from .rules import check
from .training import TrainingOptions
from .training import flag as _flag

EngineName = Literal["torch", "ort", "ort-trt", "trt"]
Precision = Literal["fp32", "fp16", "int8"]
Construction = Literal["branched", "grafted", "plain"]
Unmatched = Literal["error", "ignore"]
AnalysisSeeds = Literal["first", "all"]

GROUPS = (  # the order of the help
    "data", "training", "models", "engine", "analysis", "scoring", "latency", "statistics", "recommendation", "output"
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Study(TrainingOptions):
    """One study: a grid of freeze depths, seeds, constructions and engines on one target set and one base set."""

    engine: tuple[EngineName, ...] = _flag(
        "engine",
        "engines that run the models: torch, ort, ort-trt (ONNX Runtime's TensorRT provider), trt",
        ("ort",),
        "NAME[,NAME]",
    )
    precision: tuple[Precision, ...] = _flag(
        "engine", "precisions of the exported models: fp32, fp16, int8; torch runs fp32 only", ("fp32",), "NAME[,NAME]"
    )
    calibration: Literal["minmax", "entropy"] = _flag(
        "engine", "how int8 ranges are chosen from real images: minmax or entropy", "minmax"
    )
    int8_last_layers: bool = _flag("engine", "int8 takes the heads' last convolutions too", False)
    weights: tuple[str, ...] | None = _flag(
        "data",
        "base checkpoint, or several to compare, each with arms of its own; a known name that is not on disk is "
        "downloaded by Ultralytics",
        None,
        "FILE[,FILE]",
    )
    trust_checkpoint: bool = _flag(
        "data",
        "load checkpoints that need more than Ultralytics' own classes: such a file can run any program while it is "
        "loaded, so only for files whose origin you know (bench-freeze doctor FILE lists what one would load)",
        False,
    )
    target: str | None = _flag("data", "target set: Ultralytics data yaml, or COCO json of its training split")
    target_val: str | None = _flag(
        "data", "evaluation split of a COCO json target (default: its name with train read as val)"
    )
    target_images: str | None = _flag("data", "image folder of a COCO json target")
    target_val_images: str | None = _flag(
        "data", "image folder of the evaluation split of a COCO json target, where that is another"
    )
    base: str | None = _flag("data", "base set: COCO instances json or Ultralytics data yaml")
    base_images: str | None = _flag("data", "image folder of a COCO json base set")
    split: Literal["val", "test"] = _flag("data", "split of a data yaml that is scored", "val")
    unmatched_classes: Unmatched = _flag(
        "data",
        "a class of the base head without a category of the same name, or the reverse: error, or ignore (left out)",
        "error",
    )
    allow_empty_split: bool = _flag(
        "data", "go on where the evaluation split, or the base set, has no box to score: its columns stay empty", False
    )

    construction: tuple[Construction, ...] = _flag(
        "models", "models made of each fine-tuned one: branched, grafted, plain", ("branched", "grafted"), "NAME[,NAME]"
    )
    ladder: bool = _flag(
        "analysis",
        "also score the graft ladder: base mAP with layers 0..k-1 tuned and the rest original, for every k",
        False,
    )
    drift: bool = _flag(
        "analysis",
        "also compare every layer with the base model's: weights, BatchNorm statistics, activations on both sets (CKA)",
        False,
    )
    breakdown: bool = _flag(
        "analysis",
        "also score each head by object area, by objects per image and at every IoU from 0.10, with intervals",
        False,
    )
    features: bool = _flag(
        "analysis",
        "also compare what features carry with the base model's: nearest neighbours, a linear probe, energy in boxes",
        False,
    )
    recover: int = _flag(
        "analysis",
        "also train base heads on the tuned features, and on the original ones as control, for this many epochs on "
        "half of the base set, scored on the other half: is what was lost still there to be read (0: no)",
        0,
    )
    analysis_seeds: AnalysisSeeds = _flag(
        "analysis", "seeds whose trainings are analysed (the ladder too): first or all", "first"
    )
    head_branch: Literal["one2many", "one2one"] = _flag(
        "models",
        "branch that answers in heads with two (YOLOv10, YOLO26), for the original and every tuned model: one2many, "
        "selected by suppression, or one2one, which selects for itself; what the checkpoint's file asks for is not "
        "followed",
        "one2many",
    )
    imgsz: int = _flag("models", "image side in pixels, for training and for the engine", 640)
    batch: int = _flag("engine", "the engine's batch size", 1)
    dynamic_batch: tuple[int, int, int] | None = _flag(
        "engine",
        "export with a free batch dimension; plans are built for a smallest, usual and largest batch",
        None,
        "N,N,N",
    )
    opset: int = _flag("models", "ONNX opset of the export", 18)
    device: str = _flag("engine", "cpu or cuda:N", "cpu")
    builds: int = _flag(
        "engine", "TensorRT plans built of each model: shows how much builds differ, apart from runs", 1
    )
    workers: int | None = _flag(
        "engine", "threads that read and letterbox images (default: as many as there are cores, at most 8)"
    )

    score_threshold: float = _flag("scoring", "detections at or below this score are not scored", 0.001)
    nms_iou_threshold: float = _flag(
        "scoring", "non-maximum suppression removes a box that overlaps a better one by more than this", 0.7
    )
    max_detections: int = _flag("scoring", "detections kept per image", 300)

    latency_samples: int = _flag("latency", "latency samples per row at most; 0 measures no latency", 200)
    latency_seconds: float = _flag(
        "latency",
        "seconds of latency sampling per row and scope at most, and again for the rounds that compare rows",
        10.0,
    )
    retime: bool = _flag("latency", "measure kept latencies again, in the scopes whose verdict is not VALID", False)

    equivalence_margins: tuple[float, ...] = _flag(
        "statistics",
        "differences of mAP (fractions) that count as none",
        (0.001, 0.005),
        "X[,X]",
    )
    resamples: int = _flag(
        "statistics", "resamples of the images, with half as many permutations; 0 makes neither", 2000
    )
    same_classes: tuple[str, ...] = _flag(
        "statistics",
        "target classes that are a base class under another name; base classes that both heads know are reported apart",
        (),
        "TARGET=BASE[,...]",
    )
    max_latency_ms: float | None = _flag("recommendation", "the pick's median latency of the engine at most")
    max_base_drop: float | None = _flag(
        "recommendation", "the pick's loss of base mAP at most (default: the widest equivalence margin)"
    )
    min_target_map: float | None = _flag("recommendation", "the pick's target mAP at least")

    out: str | None = _flag("output", "output folder (default: runs/NAME OF THE TARGET SET)", None, "DIR")

    def __post_init__(self) -> None:
        check(self)

    @property
    def embedded(self) -> bool:
        """True when no data were named: the study runs on the project's own small, generated data."""
        return self.target is None and self.base is None and self.weights is None

    @property
    def deployments(self) -> tuple[tuple[EngineName, Precision], ...]:
        """Every engine with every precision that it runs."""
        pairs = ((engine, precision) for engine in self.engine for precision in self.precision)
        return tuple(pair for pair in pairs if pair[0] != "torch" or pair[1] == "fp32")

    @property
    def out_folder(self) -> Path:
        """The folder that receives results.json and artifacts/."""
        if self.out is not None:
            return Path(self.out)
        return Path("runs") / ("demo" if self.target is None else Path(self.target).stem)


def fields() -> tuple[dataclasses.Field[Any], ...]:
    """The fields of a study in the order in which help and documentation list them."""
    known = dataclasses.fields(Study)
    return tuple(sorted(known, key=lambda f: GROUPS.index(f.metadata["group"])))


def study_from(values: dict[str, Any], where: str) -> Study:
    """A validated study from plain values.

    `where` names their origin in an error message, e.g. "study.toml". Raises InputError for an unknown key, a value of
    the wrong type or one out of range.
    """
    known = {f.name for f in fields()}
    for key in values:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"known keys are {', '.join(sorted(known))}."
            raise InputError(f"{where}: '{key[:100]}' is no key of a study; {hint}")
    listed = {f.name for f in fields() if "tuple[" in str(f.type)}
    as_lists = {
        k: [v] if k in listed and not isinstance(v, list | tuple) and v is not None else v for k, v in values.items()
    }
    try:
        return msgspec.convert(as_lists, Study)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, InputError):
            raise error.__cause__ from None
        message, _, path = str(error).partition(" - at `$.")
        key = re.split(r"[\[.`]", path)[0] or "a key"
        raise InputError(
            f"{where}: {key} = {_shown(as_lists.get(key))} does not fit; {message[0].lower()}{message[1:]}."
        ) from None
    except UnicodeEncodeError as error:  # bytes that are not UTF-8, in the place of one of the words that are known
        raise InputError(
            f"{where}: {error.object!r} is none of an option's values; bench-freeze run --help has them."
        ) from None


def _shown(value: Any) -> str:
    try:
        return repr(value)[:200]
    except ValueError:  # thousands of digits
        return "a number of many digits"


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a study file. Raises InputError when it is missing or no TOML."""
    text = read_text(path, "study file", "give the path of a TOML file, or flags alone")
    return parse_toml(text, path, "see the README for an example")
