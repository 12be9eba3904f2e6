"""Match data in a file, from which an evaluation can be rebuilt and compared image by image.

The file is a zip of parts, each compressed separately and named by the hash of its content: ground truth, once for each
data set, and matches. `about.json` lists the parts of each entry. There are no dates, and the parts are sorted, so
equal evaluations give equal bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import Facts, write_whole
from ..kernels.arrays import AnyArray
from ..kernels.matching import Lattice, Masks, Matches, TruthIndex, accumulate, index_truth
from ..kernels.rows import column_of_numbers, positions_of
from ..kernels.values import number_array, whole_array, whole_number
from ..user_files import MAX_DATA, read_file
from .columns import Columns, DamagedColumns, pack_columns, unpack_columns
from .evaluation import Counts, Evaluation
from .join import Found
from .match_archive import ABOUT, FORMAT, NAME_DIGITS, VERSION, read_archive
from .protocols import RECALL_THRESHOLDS, rules_of

MAX_CLASSES = 100_000
MAX_NUMBERS = 1 << 27  # in the tensors that are computed from a part: a gigabyte
_COUNTS = ("skipped_images", "dropped_by_nms", "near_threshold")  # the others are computed again


class MatchFileFacts(TypedDict):
    """A match file as the results record it."""

    file: str
    sha256: str
    bytes: int


class MatchFile:
    """A match file under construction; each part is compressed once, however often the file is written."""

    def __init__(self) -> None:
        self._parts: dict[str, bytes] = {}
        self._entries: dict[str, dict[str, str]] = {}

    def add(self, evaluation: Evaluation, name: str | None = None) -> str:
        """Keep an evaluation under `name`, or under the hash of its content. Returns the name."""
        truth = self._keep(*_truth_columns(evaluation))
        matches = self._keep(*_match_columns(evaluation))
        if name is None:
            name = hashlib.sha256(f"{truth} {matches}".encode()).hexdigest()[:NAME_DIGITS]
        self._entries[name] = {"truth": truth, "matches": matches}
        return name

    def evaluations(self) -> dict[str, Evaluation]:
        """All added evaluations by name, as `load_matches` returns them; stored compressed until then."""
        raw = {name: zlib.decompress(part) for name, part in self._parts.items()}
        return _evaluations(self._entries, {name: unpack_columns(part) for name, part in raw.items()})

    def content(self) -> bytes:
        """The bytes of the file with all added evaluations."""
        about = {"format": FORMAT, "version": VERSION, "entries": self._entries}
        parts = {ABOUT: json.dumps(about, indent=1, sort_keys=True).encode(), **dict(sorted(self._parts.items()))}
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, content in parts.items():
                member = zipfile.ZipInfo(name)  # dated 1980, like every member
                member.create_system = 3  # a constant; else it depends on the operating system
                archive.writestr(member, content)
        return stream.getvalue()

    def write(self, path: Path) -> MatchFileFacts:
        """Write the file atomically. Returns its name, hash and size, as the results record them."""
        content = self.content()
        write_whole(path, content)
        return {"file": path.name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}

    def _keep(self, facts: Mapping[str, object], columns: Columns) -> str:
        raw = pack_columns(facts, columns)
        name = hashlib.sha256(raw).hexdigest()[:NAME_DIGITS]
        if name not in self._parts:
            self._parts[name] = zlib.compress(raw, 9)
        return name


def save_matches(path: Path, evaluations: Mapping[str, Evaluation]) -> MatchFileFacts:
    """Write evaluations under their names; equal data are stored once. Returns the file's name, sha256 and bytes."""
    file = MatchFile()
    for name, evaluation in evaluations.items():
        file.add(evaluation, name)
    return file.write(path)


def load_matches(path: Path) -> dict[str, Evaluation]:
    """The evaluations of a match file by name, with their tensors; those of one data set share its ground truth.

    Raises InputError for a file that is missing, damaged, of another kind or of a newer version.
    """
    return parse_matches(read_file(path, "match file", "put it there again", MAX_DATA), str(path))


def parse_matches(content: bytes, where: str) -> dict[str, Evaluation]:
    """As load_matches, from the bytes of a file; `where` names it in errors."""
    about, raw = read_archive(content, where)
    try:
        return _evaluations(about["entries"], {name: unpack_columns(part) for name, part in raw.items()})
    except (DamagedColumns, KeyError, TypeError, ValueError, AttributeError, OverflowError, InputError) as error:
        raise InputError(f"{where} is damaged ({error}); take it again from where it came.") from None


def _evaluations(
    entries: Mapping[str, Mapping[str, str]], parts: Mapping[str, tuple[Facts, Columns]]
) -> dict[str, Evaluation]:
    truths: dict[str, tuple[TruthIndex, tuple[str, ...]]] = {}
    made: dict[tuple[str, str], Evaluation] = {}
    for entry in entries.values():
        key = entry["truth"], entry["matches"]
        if entry["truth"] not in truths:
            truths[entry["truth"]] = _truth(*parts[entry["truth"]])
        if key not in made:
            made[key] = _evaluation(*truths[entry["truth"]], *parts[entry["matches"]])
    return {name: made[entry["truth"], entry["matches"]] for name, entry in sorted(entries.items())}


def _truth_columns(evaluation: Evaluation) -> tuple[Facts, Columns]:
    truth = evaluation.truth
    facts: Facts = {"class_names": list(evaluation.class_names)}
    return facts, {
        "count": np.diff(truth.begin),
        "label": truth.label,
        "boxes_xywh": truth.boxes_xywh,
        "area": truth.area,
        "is_crowd": truth.is_crowd,
        "is_void": truth.is_void,
    }


def _truth(facts: Facts, columns: Columns) -> tuple[TruthIndex, tuple[str, ...]]:
    names = tuple(facts["class_names"])
    if len(names) > MAX_CLASSES or not all(isinstance(name, str) for name in names):
        raise DamagedColumns("its class names are not names")
    begin = _begin(columns["count"], len(columns["label"]))
    images = len(begin) - 1
    image = np.repeat(np.arange(images), np.diff(begin))
    flags = (columns["is_crowd"], columns["is_void"])
    truth = index_truth(
        image, columns["label"], columns["boxes_xywh"], columns["area"], *flags, images=images, classes=len(names)
    )
    if not np.array_equal(truth.label, columns["label"]):
        raise DamagedColumns("the classes of an image do not ascend")
    return truth, names


def _match_columns(evaluation: Evaluation) -> tuple[Facts, Columns]:
    matches = evaluation.matches
    facts: Facts = {
        "protocol": evaluation.protocol,
        "areas": list(evaluation.area_ranges),
        "max_detections": list(evaluation.max_detections),
        "counts": {name: getattr(evaluation.counts, name) for name in _COUNTS},
    }
    columns = {
        "count": np.diff(matches.begin),
        "label": matches.label,
        "scores": _exact_float32(matches.scores),
        "iou_thresholds": evaluation.iou_thresholds,
        "area_ranges": evaluation.lattice.area_ranges,
    }
    for i, masks in enumerate(matches.masks):
        columns[f"true_positive.{i}"] = masks.true_positive.T  # similar bits side by side compress best
        columns[f"ignored.{i}"] = masks.ignored.T
    return facts, columns


def _evaluation(truth: TruthIndex, class_names: tuple[str, ...], facts: Facts, columns: Columns) -> Evaluation:
    ranges = np.require(columns["area_ranges"], np.float64, "C").reshape(-1, 2)  # an end may be infinite
    _check_lattice(columns["iou_thresholds"], ranges, facts["max_detections"], truth.classes)
    lattice = Lattice(rules_of(facts["protocol"]).rule, number_array("IoU", columns["iou_thresholds"]), ranges)
    begin = _begin(columns["count"], len(columns["label"]))
    label = positions_of("matches", "class", columns["label"], truth.classes)
    scores = column_of_numbers("matches", "score", columns["scores"], len(label))
    parts = lattice.parts()
    masks = tuple(
        Masks(*(np.ascontiguousarray(columns[f"{kind}.{i}"].T) for kind in Masks._fields)) for i in range(len(parts))
    )
    for part, pair in zip(parts, masks, strict=True):
        size = (len(lattice.iou_thresholds[part]) * len(ranges) + 7) // 8
        if any(mask.shape != (len(label), size) or mask.dtype != np.uint8 for mask in pair):
            raise DamagedColumns("a mask has another size")
    if len(begin) != len(truth.begin) or len(facts["areas"]) != len(ranges):
        raise DamagedColumns("the sizes contradict each other")
    found = Found.whole(Matches(begin, label, scores, masks), lattice)
    maxima = tuple(whole_array("max_detections", facts["max_detections"], 1).tolist())
    tensors, tied, truncated = accumulate(
        truth, lattice, found.parts, recall_thresholds=RECALL_THRESHOLDS, max_detections=maxima
    )
    return Evaluation(
        protocol=facts["protocol"],
        precision=tensors.precision,
        recall=tensors.recall,
        scores=tensors.scores,
        iou_thresholds=lattice.iou_thresholds,
        area_ranges={name: (float(low), float(high)) for name, (low, high) in zip(facts["areas"], ranges, strict=True)},
        max_detections=maxima,
        class_names=class_names,
        ground_truth_count=np.bincount(truth.label[truth.is_crowd == 0], minlength=truth.classes),
        counts=Counts(
            images=len(begin) - 1,
            detections=len(label),
            truncated_detections=truncated,
            tied_scores=tied,
            **{name: whole_number(name, facts["counts"][name], low=0) for name in _COUNTS},
        ),
        truth=truth,
        lattice=lattice,
        found=found,
    )


def _begin(count: AnyArray, rows: int) -> NDArray[np.int64]:
    whole = whole_array("rows of the images", count, 0, rows)
    if whole.ndim != 1 or whole.sum() != rows:
        raise DamagedColumns("the rows of the images do not add up")
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(whole)])


def _check_lattice(thresholds: AnyArray, ranges: AnyArray, maxima: list[int], classes: int) -> None:
    """Check what the computation relies on: ascending thresholds and maxima, and tensors that fit into memory."""
    if thresholds.ndim != 1 or not len(thresholds) or not len(ranges) or not maxima:
        raise DamagedColumns("thresholds, areas or limits are missing")
    if not all(type(maximum) is int and 0 < maximum < 1 << 31 for maximum in maxima) or sorted(maxima) != maxima:
        raise DamagedColumns("the limits of detections are not ascending whole numbers")
    if not (np.all((thresholds > 0) & (thresholds <= 1)) and np.all(np.diff(thresholds) > 0)):
        raise DamagedColumns("the IoU thresholds are not ascending fractions")
    if np.isnan(ranges).any() or len(ranges) > 64 or len(thresholds) > 1000:
        raise DamagedColumns("the areas are not ranges")
    if len(thresholds) * len(RECALL_THRESHOLDS) * classes * len(ranges) * len(maxima) > MAX_NUMBERS:
        raise DamagedColumns(f"its tensors have more than {MAX_NUMBERS} numbers")


def _exact_float32(scores: NDArray[np.float64]) -> AnyArray:
    """Scores as float32 if that is exact, as it is for every engine: half the size."""
    short = scores.astype(np.float32)
    return short if np.array_equal(short.astype(np.float64), scores) else scores
