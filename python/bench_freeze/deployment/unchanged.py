"""Compare the base output of a branched model with the original's on real images, before a row claims they are equal.

Shared layers with the original's tensors need not be the original's layers: an activation, a stride or a BatchNorm
setting is not stored in a tensor. So the outputs are compared: bit for bit in torch, and after export within the
export's bounds.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..artifact import ArtifactStore
from ..environment import package_version, package_versions
from ..errors import AuditError
from ..export.onnx_export import MODEL
from ..export.parity import compare_in_batches, largest_difference
from ..results.inputs import BaseOutput

if TYPE_CHECKING:
    from ..artifact import Artifact
    from .deployment import Candidate


def produce_base_output(
    candidate: Candidate, imgsz: int, images: NDArray[np.float32], onnx: Artifact | None, store: ArtifactStore
) -> tuple[BaseOutput, bool]:
    """Compare the outputs of a candidate that keeps the base output; return the comparison and whether it is new.

    Raises AuditError when the base or the target output differs from that of its own detector.
    """
    inputs: dict[str, object] = {
        **candidate.identity(),
        "imgsz": imgsz,
        "images_sha256": hashlib.sha256(np.ascontiguousarray(images).tobytes()).hexdigest(),
        "onnx_sha256": onnx.sha256(MODEL) if onnx is not None else None,
        "versions": package_versions("torch", "ultralytics", "onnxruntime"),
    }
    path = onnx.path(MODEL) if onnx is not None else None

    kept, made = store.produce("base_output", inputs, lambda _: compare_base_output(candidate, imgsz, images, path))
    return kept.value(BaseOutput), made


def compare_base_output(
    candidate: Candidate, imgsz: int, images: NDArray[np.float32], onnx: Path | None = None
) -> BaseOutput:
    """Compare both outputs of a dual-head candidate with those of the two detectors alone, on images [N, 3, S, S].

    `onnx` is the candidate's exported fp32 file, if there is one. Raises AuditError where an output differs.
    """
    from ..engines.torch_engine import TorchEngine

    original = TorchEngine(*candidate.alone("base", imgsz), "cpu")
    alone = original.infer(images) | TorchEngine(*candidate.alone("target", imgsz), "cpu").infer(images)
    both = TorchEngine(candidate.module(), candidate.card(imgsz, None), "cpu")
    for head, found in both.infer(images).items():
        if not np.array_equal(found, alone[head], equal_nan=True):
            _raise(candidate, head, *largest_difference(alone[head], found), images=len(images))
    if onnx is None or package_version("onnxruntime") is None:
        return BaseOutput(images=len(images), box_px=None, score=None)
    from ..engines.ort_engine import OrtEngine

    exported = OrtEngine(onnx, "cpu")
    try:
        (base,) = compare_in_batches(original, exported, images, exported.card.batch)
    finally:
        exported.close()
    return BaseOutput(images=len(images), box_px=base.box_px, score=base.score)


def _raise(candidate: Candidate, head: str, box: float, score: float, *, images: int) -> None:
    whose = "the original's" if head == "base" else "the tuned model's own"
    raise AuditError(
        f"the {head} output of the {candidate.construction} model with freeze = {candidate.freeze} is not {whose}: on "
        f"{images} real images boxes differ by up to {box:.3g} px and scores by up to {score:.3g}, so the layers that "
        "both heads share are not the same in both models, although their tensors are equal; use --construction "
        "grafted or plain, or report it with the checkpoint."
    )
