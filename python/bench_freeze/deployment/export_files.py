"""`bench-freeze export`: from checkpoints on disk to one checked ONNX file with its side-car JSON."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..dualhead.branch import DEFAULT, HeadBranch, check_branch
from ..dualhead.checkpoint import Checkpoint, load_checkpoint, locate_weights
from ..dualhead.fitting import check_fit
from ..dualhead.quiet import quiet_ultralytics
from ..environment import package_versions
from ..errors import InputError
from ..export.onnx_export import check_opset
from ..files import file_sha256, write_whole
from ..user_files import check_target, writing
from .deployment import Candidate, export_checked
from .sample_images import sample_images
from .unchanged import compare_base_output

PARITY_IMAGES = 4  # over all folders


@dataclass(frozen=True)
class ExportRequest:
    """What to export.

    `batch` None means a free batch dimension, `tuned` None the checkpoint alone with its single head. `construction`
    None means branched if there are two checkpoints.
    """

    weights: str
    tuned: str | None
    freeze: int | None
    construction: str | None
    imgsz: int
    batch: int | None
    opset: int
    images: tuple[str, ...]
    out: Path
    trust_checkpoint: bool = False
    head_branch: HeadBranch = DEFAULT


def export_files(request: ExportRequest) -> list[str]:
    """Write the ONNX file and its side-car; return lines for the user.

    Raises InputError for a wrong request, AuditError for an export that differs from torch.
    """
    if request.imgsz < 1:
        raise InputError(
            f"--imgsz {request.imgsz} is out of range; give a multiple of the model's stride, such as 640."
        )
    if request.batch is not None and request.batch < 1:
        raise InputError(f"--batch {request.batch} is out of range; give at least 1, or --dynamic-batch.")
    _check_out(request)
    check_opset(request.opset)
    quiet_ultralytics()
    candidate = candidate_of(
        request.weights,
        request.tuned,
        request.freeze,
        request.construction,
        head_branch=request.head_branch,
        trust=request.trust_checkpoint,
    )
    base = candidate.base
    for checkpoint in filter(None, (base, candidate.tuned)):
        checkpoint.layers.check_imgsz(request.imgsz)
    per_folder = max(1, PARITY_IMAGES // max(1, len(request.images)))
    images = sample_images(request.images, request.imgsz, per_folder, are_spread=False)
    if candidate.keeps_base:
        compare_base_output(candidate, request.imgsz, images)
    with writing(request.out, "--out"):
        request.out.parent.mkdir(parents=True, exist_ok=True)
    with writing(request.out, "--out"), tempfile.TemporaryDirectory(dir=request.out.parent) as folder:
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


def _check_out(request: ExportRequest) -> None:
    """Raise InputError if the output would overwrite an input or cannot be an ONNX file."""
    out = request.out
    check_target(out, "--out")
    if out.is_dir():
        raise InputError(f"--out {out} is a folder; give the name of the file to write, such as {out / 'model.onnx'}.")
    if out.suffix.lower() in (".pt", ".pth", ".json", ".plan", ".engine"):
        raise InputError(f"--out {out}: an ONNX model cannot be a {out.suffix} file; give a name such as model.onnx.")
    for flag, given in (("--weights", request.weights), ("--tuned", request.tuned)):
        if given is not None and os.path.realpath(given) in map(os.path.realpath, (out, out.with_suffix(".json"))):
            raise InputError(f"--out {out} would overwrite the checkpoint of {flag}; give another name.")


def candidate_of(
    weights: str,
    tuned_weights: str | None,
    freeze: int | None,
    construction: str | None,
    *,
    head_branch: HeadBranch = DEFAULT,
    trust: bool = False,
    option: str = "--weights",
) -> Candidate:
    """The model that the flags describe: one checkpoint alone, or a combination of two (branched by default).

    `option` is the flag that named the base checkpoint, for error messages. `trust` lets checkpoints run code while
    they are loaded. Raises InputError where the checkpoints or the flags do not fit together.
    """
    if tuned_weights is None:
        for flag, given in (("--freeze", freeze), ("--construction", construction)):
            if given is not None:
                raise InputError(
                    f"{flag} {given} belongs to --tuned: without a fine-tuned checkpoint the model is the base's own; "
                    f"add --tuned TUNED.pt, or leave {flag} out."
                )
        base = _load(weights, option, trust)
        check_branch(base.model, head_branch)
        return Candidate("original", base, head_branch=head_branch)
    construction = construction or "branched"
    if construction != "plain" and freeze is None:
        raise InputError("--freeze is missing: with --tuned, say how many layers were frozen in its training.")
    base, tuned = _load(weights, option, trust), _load(tuned_weights, "--tuned", trust)
    check_branch(base.model, head_branch)
    check_branch(tuned.model, head_branch)
    if freeze is not None:
        base.layers.check_depth(freeze)
        if construction != "plain":
            check_fit(base, tuned, construction, freeze, (weights, tuned_weights))
    return Candidate(construction, base, tuned, freeze, head_branch)


def _load(name: str, option: str, trust: bool) -> Checkpoint:
    try:
        return load_checkpoint(locate_weights(name), trust=trust)
    except InputError as error:
        raise InputError(f"{option} {error}") from None
