"""What a file that selects its own detections hides from scoring: those below its threshold or beyond its limit."""

from __future__ import annotations

from ..kernels.nms_options import NmsOptions
from .base import ModelCard
from .onnx_file import Node, OnnxFile

UNKNOWN_THRESHOLD = (
    "this file selects its own detections, and its score threshold is not known: if that is above "
    f"{NmsOptions().score_threshold:g}, its accuracy is too low; export it with nms=False, or with "
    f"conf={NmsOptions().score_threshold:g}"
)
_COMPARISONS = ("Greater", "GreaterOrEqual", "Less", "LessOrEqual")
_PASSES_ON = ("Cast", "Identity", "Unsqueeze", "Squeeze", "Reshape")
_SAME = 1.01  # half precision changes a threshold by up to 0.05 %


def selection_notes(card: ModelCard, file: OnnxFile, said: float | None, *, is_end_to_end: bool) -> tuple[str, ...]:
    """Sentences on how a file's own selection affects its numbers; empty for raw outputs.

    `said` is the threshold stated in the metadata, used if the graph does not show one.
    """
    if card.heads[0].kind == "raw":
        return ()
    usual = NmsOptions()
    notes = []
    if not is_end_to_end:
        threshold = score_threshold(file)
        threshold = said if threshold is None else threshold
        if threshold is None:
            notes.append(UNKNOWN_THRESHOLD)
        elif threshold > usual.score_threshold * _SAME:
            notes.append(
                f"this file itself drops detections below {threshold:.4g}, so its accuracy lacks them; export it with "
                f"conf={usual.score_threshold:g} to score all of them"
            )
    shape = file.outputs[0].shape
    limit = shape[1] if shape is not None and len(shape) == 3 else None
    if isinstance(limit, int) and limit < usual.max_detections:
        notes.append(
            f"this file itself gives at most {limit} detections an image, and {usual.max_detections} are scored"
        )
    return tuple(notes)


def score_threshold(file: OnnxFile) -> float | None:
    """The score below which the graph drops candidates; None if it shows no such threshold, or several.

    It is the number that scores are compared with before a NonMaxSuppression node, or that node's own threshold.
    """
    makers = {name: node for node in file.nodes for name in node.outputs if name}
    found: set[float] = set()
    for node in file.nodes:
        if node.op != "NonMaxSuppression":
            continue
        own = _number(node.inputs[4], makers, file) if len(node.inputs) > 4 and node.inputs[4] else 0.0
        before = _compared(node.inputs[1], makers, file) if len(node.inputs) > 1 else set()
        if own is None or len(before) > 1:
            return None
        # Neither a comparison nor a threshold: it drops nothing, or in a way that is unknown here.
        if len(node.inputs) <= 4 and not before:
            return None
        found.add(max(own, *before) if before else own)
    return found.pop() if len(found) == 1 else None


def _compared(name: str, makers: dict[str, Node], file: OnnxFile) -> set[float]:
    """The numbers from 0 to 1 that anything upstream of a tensor is compared with."""
    found: set[float] = set()
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        name = waiting.pop()
        node = makers.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        waiting += [own for own in node.inputs if own]
        if node.op in _COMPARISONS and len(node.inputs) == 2:
            numbers = [n for n in (_number(own, makers, file) for own in node.inputs) if n is not None]
            found.update(number for number in numbers if 0 <= number <= 1)
    return found


def _number(name: str, makers: dict[str, Node], file: OnnxFile) -> float | None:
    """The value of a tensor that is a single constant number, after casts and changes of shape; else None."""
    for _ in range(16):
        if name in file.numbers:
            return file.numbers[name]
        node = makers.get(name)
        if node is None or node.op not in _PASSES_ON or not node.inputs:
            return None
        name = node.inputs[0]
    return None
