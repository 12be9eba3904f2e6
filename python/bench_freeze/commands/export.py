"""`bench-freeze export`: one model from checkpoints on disk to a checked ONNX file with its side-car json."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..artifact import file_sha256, write_whole
from ..data.images import SUFFIXES, read_image
from ..data.letterbox import letterbox_into
from ..deployed.deployment import Candidate, export_checked
from ..dualhead.branch import DEFAULT, HeadBranch, check_branch
from ..dualhead.checkpoint import load_checkpoint, locate_weights, quiet_ultralytics
from ..environment import package_versions
from ..errors import InputError

PARITY_IMAGES = 4


@dataclass(frozen=True)
class ExportRequest:
    """What to export; `batch` None means a free batch dimension, `tuned` None the checkpoint's own single head."""

    weights: str
    tuned: str | None
    freeze: int | None
    construction: str
    imgsz: int
    batch: int | None
    opset: int
    images: str | None
    out: Path
    head_branch: HeadBranch = DEFAULT


def export_files(request: ExportRequest) -> list[str]:
    """Write the ONNX file and its side-car; returns lines for the user. Raises InputError and AuditError."""
    quiet_ultralytics()
    candidate = candidate_of(request.weights, request.tuned, request.freeze, request.construction, request.head_branch)
    base = candidate.base
    base.layers.check_imgsz(request.imgsz)
    if request.batch is not None and request.batch < 1:
        raise InputError(f"--batch {request.batch} is out of range; give at least 1, or --dynamic-batch.")
    images = _parity_images(request.images, request.imgsz)
    request.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=request.out.parent) as folder:
        partial = Path(folder) / "model.onnx"
        facts = export_checked(candidate, partial, request.imgsz, request.batch, request.opset, images)
        partial.replace(request.out)
    side_car = request.out.with_suffix(".json")
    content = {
        **facts,
        "onnx_sha256": file_sha256(request.out),
        "base_sha256": base.sha256,
        "tuned_sha256": candidate.tuned.sha256 if candidate.tuned is not None else None,
        "versions": package_versions("torch", "ultralytics", "onnx", "onnxscript", "onnxruntime"),
    }
    write_whole(side_car, json.dumps(content, indent=1).encode())
    parity = facts["parity"]
    heads = ", ".join(f"{h['head']}: {h['box_px']:.2g} px, {h['score']:.2g}" for h in parity["heads"]) if parity else ""
    checked = (
        f"compared with torch on {parity['images']} images ({heads})" if parity else "not compared: no ONNX Runtime"
    )
    return [f"{request.out}  {request.out.stat().st_size / 1e6:.2f} MB, {checked}", f"{side_car}"]


def candidate_of(
    weights: str,
    tuned_weights: str | None,
    freeze: int | None,
    construction: str,
    head_branch: HeadBranch = DEFAULT,
) -> Candidate:
    """The model that flags describe: one checkpoint's own, or of two. Raises InputError where they do not fit."""
    base = load_checkpoint(locate_weights(weights))
    check_branch(base.model, head_branch)
    if tuned_weights is None:
        return Candidate("original", base, head_branch=head_branch)
    tuned = load_checkpoint(locate_weights(tuned_weights))
    if [layer.kind for layer in tuned.layers.layers] != [layer.kind for layer in base.layers.layers]:
        raise InputError(f"{tuned_weights} has other layers than {weights}; both must be of one architecture.")
    if construction != "plain" and freeze is None:
        raise InputError("--freeze is missing: with --tuned, say how many layers were frozen in its training.")
    if freeze is not None:
        base.layers.check_depth(freeze)
    if construction == "branched" and freeze is not None:
        _check_shared(base.model, tuned.model, freeze)
    check_branch(tuned.model, head_branch)
    return Candidate(construction, base, tuned, freeze, head_branch)


def _check_shared(base: object, tuned: object, freeze: int) -> None:
    """A branched model takes its trunk from one model: both must have the same."""
    from ..dualhead.structure import differing_layer
    from ..errors import AuditError
    from ..finetune.audit import audit_frozen

    layer = differing_layer(base, tuned, freeze)
    if layer is not None:
        raise InputError(
            f"layer {layer} of the two checkpoints differs in its modules or their settings, so they share no trunk of "
            f"depth {freeze}, whatever their weights are; give the depth that was frozen, or --construction grafted."
        )
    try:
        audit_frozen(base, tuned, freeze, "eval", half=False)
    except AuditError as error:
        raise InputError(
            f"the two checkpoints differ below layer {freeze}, so they share no trunk of that depth ({error}); "
            "give the depth that was frozen, or --construction grafted."
        ) from None


def _parity_images(folder: str | None, imgsz: int) -> NDArray[np.float32]:
    """Letterboxed images [N, 3, S, S] to compare on: the user's, else smooth random patterns."""
    if folder is None:
        return generated_images(imgsz)
    files = sorted(f for f in Path(folder).rglob("*") if f.suffix.lower() in SUFFIXES)[:PARITY_IMAGES]
    if not files:
        raise InputError(f"--images {folder}: there are no images; give a folder that has some.")
    images = np.empty((len(files), 3, imgsz, imgsz), dtype=np.float32)
    for canvas, file in zip(images, files, strict=True):
        letterbox_into(read_image(file), canvas)
    return images


def generated_images(imgsz: int) -> NDArray[np.float32]:
    """Smooth random patterns [N, 3, S, S], the same every time."""
    coarse = np.random.default_rng(0).random((PARITY_IMAGES, 3, 8, 8), dtype=np.float32)
    repeat = -(-imgsz // 8)
    return np.ascontiguousarray(np.kron(coarse, np.ones((1, 1, repeat, repeat), np.float32))[..., :imgsz, :imgsz])
