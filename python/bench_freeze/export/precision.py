"""The precisions of an exported model: float32 as torch wrote it, and fp16 and int8 converted from that file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config.deployment import Precision
from ..engines.base import Engine, infer_padded
from ..engines.ort_engine import CARD_KEY, OrtEngine
from ..errors import AuditError, InputError
from ..files import Facts
from ..finite import require_finite_constants
from .decode import decode_part
from .half import HALF_MAX, to_half
from .onnx_card import read_card
from .quantize import Int8Settings, to_int8
from .ranges import largest_values

if TYPE_CHECKING:
    from onnx import ModelProto

SURE = 0.25  # candidates with lower scores are mostly noise
# A correct conversion stays well below: fp16 and int8 of a dual-head YOLOv8n change scores above SURE by 0.001 and 0.06
# on average. After a failed one (a range of zero, an overflow) the outputs are completely different.
SCORE_BOUND = {"fp16": 0.05, "int8": 0.3}


@dataclass(frozen=True)
class PrecisionLoss:
    """How far one head's outputs changed where the float32 model is confident; means over `sure` candidates."""

    head: str
    sure: int
    box_px: float | None
    score: float | None
    worst_score: float | None


def convert_precision(
    source: Path,
    target: Path,
    precision: Precision,
    images: NDArray[np.float32],
    settings: Int8Settings | None = None,
) -> Facts:
    """Write the float32 model `source` in another precision. Returns what was done and how much each head changed.

    Inputs, outputs and their names stay as they are; the model card states the precision. `images` [N, 3, S, S] must be
    real: they calibrate int8, reveal what would overflow in fp16, and both models are compared on them. Raises
    AuditError if the scores change by more than SCORE_BOUND or if constants are not finite, InputError if `source` is
    not float32.
    """
    import onnx

    if precision == "fp32":
        raise ValueError("float32 is what a conversion starts from")
    card = read_card(source)
    model = onnx.load(source)
    if card.precision != "fp32":
        raise InputError(f"{source} is {card.precision} already; convert the float32 model.")
    facts: Facts
    if precision == "fp16":
        kept, overflowing = _keep_in_float32(model, images, target.parent)
        model = to_half(model, kept)
        facts = {"float32_nodes": len(kept), "overflowing_nodes": overflowing}
    else:
        facts = to_int8(model, target, images, settings or Int8Settings())
        model = onnx.load(target)
    require_finite_constants(model, f"the {precision} model")
    card = replace(card, precision=precision)
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = CARD_KEY, json.dumps(card.to_dict(), sort_keys=True)
    onnx.save(model, target)
    onnx.checker.check_model(str(target), full_check=True)
    losses = precision_loss(OrtEngine(source), OrtEngine(target), images)
    _audit(losses, precision)
    return {"precision": precision, **facts, "card": card.to_dict(), "loss": [asdict(loss) for loss in losses]}


def precision_loss(source: Engine, converted: Engine, images: NDArray[np.float32]) -> tuple[PrecisionLoss, ...]:
    """How much a conversion changed each head, over all images [N, 3, S, S]."""
    step = source.card.batch or 8
    portions = [images[i : i + step] for i in range(0, len(images), step)]
    expected, found = [infer_padded(source, p) for p in portions], [infer_padded(converted, p) for p in portions]
    losses = []
    for head in source.card.heads:
        a, b = (np.concatenate([outputs[head.name] for outputs in all_]) for all_ in (expected, found))
        if head.kind == "raw":  # one row per candidate: box, then scores
            a, b = a.transpose(0, 2, 1), b.transpose(0, 2, 1)
        # A head that selects its own detections sorts them by score, so only scores can be paired.
        scores = slice(4, None) if head.kind == "raw" else slice(4, 5)
        sure = a[..., scores].max(-1) > SURE
        if not sure.any():
            losses.append(PrecisionLoss(head.name, 0, None, None, None))
            continue
        boxes = np.abs(a[..., :4] - b[..., :4])[sure].mean()
        moved = np.abs(a[..., scores] - b[..., scores])[sure].max(-1)
        # NaN counts as infinitely far, so that no check can pass it.
        box, mean, worst = (float(np.nan_to_num(v, nan=np.inf)) for v in (boxes, moved.mean(), moved.max()))
        losses.append(PrecisionLoss(head.name, int(sure.sum()), box if head.kind == "raw" else None, mean, worst))
    return tuple(losses)


def _audit(losses: tuple[PrecisionLoss, ...], precision: Precision) -> None:
    for loss in losses:
        if loss.score is not None and loss.score > SCORE_BOUND[precision]:
            raise AuditError(
                f"the {precision} model differs from the float32 one: scores of output '{loss.head}' moved by "
                f"{loss.score:.2g} on average where it was confident (bound {SCORE_BOUND[precision]}); give more "
                "varied images, or leave this precision out."
            )


def _keep_in_float32(model: ModelProto, images: NDArray[np.float32], folder: Path) -> tuple[list[str], list[str]]:
    """Nodes that stay float32 in fp16 (the decoding of boxes, and nodes near float16's limit), and only the latter."""
    import onnx

    typed = onnx.shape_inference.infer_shapes(model).graph.value_info
    floats = {v.name for v in typed if v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}
    made = [o for node in model.graph.node for o in node.output if o in floats]
    largest = largest_values(model, made, images, folder)
    # Half of the limit, because other images will reach larger values.
    large = {name for name, value in largest.items() if not value < HALF_MAX / 2}
    overflowing = [n.name for n in model.graph.node if large.intersection((*n.input, *n.output))]
    return sorted({*decode_part(model).nodes, *overflowing}), overflowing
