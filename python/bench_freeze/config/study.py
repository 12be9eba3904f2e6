"""The study: all options as one frozen, validated value, in groups.

Command line flags and TOML keys are generated from the fields, one to one and without groups: `train_batch` is
`--train-batch` on the command line and `train_batch = 16` in a file. A function takes the group that it needs; only the
flow (flow.py, study/) takes the whole study. This module imports no framework, so a study is validated at once.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args, get_origin, get_type_hints

import msgspec

from ..errors import InputError
from ..text.suggest import hint
from ..user_files import parse_toml, read_text
from .aliases import device_name, other_words, renamed, scratch_of_weights, unknown
from .analysis import AnalysisOptions
from .common import flag as _flag
from .data import DataOptions
from .deployment import DeploymentOptions
from .presets import PresetOptions
from .rules import check
from .training import ClusterOptions, TrainingOptions

Tracker = Literal["mlflow", "tensorboard", "wandb"]

GROUPS = (  # the order of the help
    "preset", "data", "training", "models", "engine", "analysis", "scoring", "latency", "statistics", "recommendation",
    "output",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ScoringOptions:
    """How detections are selected before they are scored."""

    score_threshold: float = _flag("scoring", "detections at or below this score are dropped", 0.001)
    nms_iou_threshold: float = _flag(
        "scoring", "non-maximum suppression removes a box whose IoU with a better one exceeds this", 0.7
    )
    max_detections: int = _flag("scoring", "most detections kept per image", 300)


@dataclass(frozen=True, kw_only=True)
class TimingOptions:
    """How latency is sampled."""

    latency_samples: int = _flag("latency", "most latency samples per row; 0 measures no latency", 200)
    latency_seconds: float = _flag(
        "latency",
        "most seconds of latency sampling per row and scope, and the same again for the rounds that compare rows",
        10.0,
    )
    retime: bool = _flag("latency", "repeat kept latency measurements whose verdict is not VALID", False)


@dataclass(frozen=True, kw_only=True)
class StatisticsOptions:
    """Options of the statistics."""

    equivalence_margins: tuple[float, ...] = _flag(
        "statistics",
        "mAP differences (fractions) within which models count as equivalent",
        (0.001, 0.005),
        "X[,X]",
    )
    resamples: int = _flag(
        "statistics", "number of bootstrap resamples, with half as many permutations; 0 turns both off", 2000
    )
    same_classes: tuple[str, ...] = _flag(
        "statistics",
        "target classes that are a base class under another name; base classes that both heads know are reported "
        "separately",
        (),
        "TARGET=BASE[,...]",
    )


@dataclass(frozen=True, kw_only=True)
class ConstraintOptions:
    """Constraints on the recommended model."""

    max_latency_ms: float | None = _flag("recommendation", "largest median engine latency of the recommended model")
    max_base_drop: float | None = _flag(
        "recommendation", "largest loss of base mAP of the recommended model (default: the widest equivalence margin)"
    )
    min_target_map: float | None = _flag("recommendation", "lowest target mAP of the recommended model")
    indifference: float = _flag(
        "recommendation",
        "tolerated loss of target mAP: a cheaper arm is recommended if its loss is shown to be smaller",
        0.01,
    )


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """Output options."""

    out: str | None = _flag("output", "output folder (default: runs/NAME OF THE TARGET SET)", None, "DIR")
    log: tuple[Tracker, ...] = _flag(
        "output",
        "also log parameters, curves, numbers and files to mlflow, tensorboard or wandb, each by its own package and "
        "settings",
        (),
        "NAME[,NAME]",
    )
    save_detections: bool = _flag(
        "output",
        "also write the detections of every row and head as COCO results json, with the ground truth they belong to, "
        "into OUT/detections: for pycocotools, FiftyOne and TIDE",
        False,
    )


@dataclass(frozen=True, kw_only=True)
class Study:
    """One study: a grid of freeze depths, seeds, constructions and engines on one target set and one base set.

    Shared options (CommonOptions) are equal in all groups. `study_from` builds a study from flat values.
    """

    preset: PresetOptions = field(default_factory=PresetOptions)
    data: DataOptions = field(default_factory=DataOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    cluster: ClusterOptions = field(default_factory=ClusterOptions)
    deployment: DeploymentOptions = field(default_factory=DeploymentOptions)
    analysis: AnalysisOptions = field(default_factory=AnalysisOptions)
    scoring: ScoringOptions = field(default_factory=ScoringOptions)
    timing: TimingOptions = field(default_factory=TimingOptions)
    statistics: StatisticsOptions = field(default_factory=StatisticsOptions)
    constraints: ConstraintOptions = field(default_factory=ConstraintOptions)
    output: OutputOptions = field(default_factory=OutputOptions)

    def __post_init__(self) -> None:
        check(self)

    @property
    def out_folder(self) -> Path:
        """The folder that receives results.json and artifacts/."""
        if self.output.out is not None:
            return Path(self.output.out)
        return Path("runs") / ("demo" if self.data.target is None else Path(self.data.target).stem)

    def analyses(self, seed: int) -> bool:
        """Whether trainings of this seed are analysed."""
        return self.analysis.analysis_seeds == "all" or seed == self.training.seeds[0]

    def values(self) -> dict[str, Any]:
        """All options by name, without groups, as in flags, files and results."""
        flat: dict[str, Any] = {}
        for group in _OPTIONS:
            for name, value in dataclasses.asdict(getattr(self, group)).items():
                if name in flat and flat[name] != value:
                    raise ValueError(f"the groups of a study disagree in {name}: {flat[name]} and {value}")
                flat[name] = value
        return flat


Option: TypeAlias = "dataclasses.Field[object]"
_OPTIONS: dict[str, type[Any]] = {
    group.name: cast("type[Any]", group.default_factory) for group in dataclasses.fields(Study)
}


def fields() -> tuple[Option, ...]:
    """The options of a study in the order in which help and documentation list them."""
    known = {option.name: option for options in _OPTIONS.values() for option in dataclasses.fields(options)}
    return tuple(sorted(known.values(), key=lambda f: GROUPS.index(f.metadata["group"])))


def study_from(values: Mapping[str, object], where: str) -> Study:
    """A validated study from plain values.

    `where` names their origin in errors, e.g. "study.toml". Raises InputError for an unknown key, or a value of the
    wrong type or out of range.
    """
    values = renamed(values, where)
    known = {f.name for f in fields()}
    for key in values:
        if key not in known:
            raise unknown(key, sorted(known), where)
    listed = {f.name for f in fields() if "tuple[" in str(f.type)}
    as_lists = {
        k: [v] if k in listed and not isinstance(v, list | tuple) and v is not None else v for k, v in values.items()
    }
    as_lists = scratch_of_weights(as_lists, where)
    if "device" in as_lists:
        as_lists["device"] = device_name(as_lists["device"])
    for key, value in as_lists.items():
        _check_word(key, value, where)
    try:
        return Study(**{group: _group(options, as_lists) for group, options in _OPTIONS.items()})
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$.")
        for kind, words in _KINDS.items():
            message = message.replace(f"`{kind}`", words)
        key = re.split(r"[\[.`]", path)[0] or "a key"
        raise InputError(
            f"{where}: {key} = {_shown(as_lists.get(key))} does not fit; {message[0].lower()}{message[1:]}."
        ) from None
    except UnicodeEncodeError as error:  # bytes that are not UTF-8 instead of a known word
        raise InputError(
            f"{where}: {error.object!r} is not a valid value; bench-freeze run --help lists the options."
        ) from None


_KINDS = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "array": "a list"}


def _check_word(key: str, value: object, where: str) -> None:
    """Raise InputError for a word that is not among an option's choices."""
    words = CHOICES.get(key, ())
    for given in value if isinstance(value, list | tuple) else [value]:
        if words and isinstance(given, str) and given not in words:
            raise InputError(
                f"{where}: {key} = '{given[:100]}' is not known; "
                f"{hint(given, words, what='choices are', others=other_words(words))}"
            )


def _choices(kind: object) -> tuple[str, ...]:
    """The choices of an option; empty if it has none."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    return tuple(word for part in get_args(kind) if part is not type(None) for word in _choices(part))


# The choices of options with a fixed set of words, by name.
CHOICES: dict[str, tuple[str, ...]] = {
    name: words
    for options in _OPTIONS.values()
    for name, kind in get_type_hints(options).items()
    if (words := _choices(kind))
}


def _group(options: type[Any], values: Mapping[str, object]) -> Any:
    """Build one group from its own values."""
    own = {option.name for option in dataclasses.fields(options)}
    return msgspec.convert({name: value for name, value in values.items() if name in own}, options)


def _shown(value: object) -> str:
    try:
        return repr(value)[:200]
    except ValueError:  # thousands of digits
        return "a number of many digits"


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a study file. Raises InputError if it is missing or not TOML."""
    text = read_text(path, "study file", "give the path of a TOML file, or flags alone")
    return parse_toml(text, path, "`bench-freeze init` writes one")
