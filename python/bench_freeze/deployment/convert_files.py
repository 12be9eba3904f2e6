"""`bench-freeze export` beyond float32 ONNX: convert a model to fp16 or int8, and build a TensorRT plan from it."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..config.deployment import Precision
from ..environment import package_versions
from ..errors import InputError
from ..export.builder import PlanOptions
from ..export.onnx_card import read_card
from ..export.plan import build_plan
from ..export.quantize import Int8Settings
from ..files import file_sha256, write_whole
from ..user_files import check_target, writing
from .calibration import IMAGES_PER_SET
from .export_files import ExportRequest, export_files
from .sample_images import sample_images


@dataclass(frozen=True)
class ConvertRequest:
    """What to make from an ONNX file, or from checkpoints that are exported to ONNX first.

    With `precision` None the ONNX stays as it is. `out` is the ONNX file for engine ort, the plan for engine trt.
    """

    source: Path | ExportRequest
    engine: Literal["ort", "trt"]
    precision: Precision | None
    int8: Int8Settings
    images: tuple[str, ...]
    plan: PlanOptions
    timing_cache: Path | None
    out: Path


def convert_files(request: ConvertRequest) -> list[str]:
    """Write the requested files, each with a side-car JSON; return lines for the user.

    Raises InputError for a wrong request, AuditError for a model that fails its comparison.
    """
    _check(request)
    lines: list[str] = []
    if isinstance(request.source, Path):
        onnx = request.source
        card = read_card(onnx)
    else:
        onnx = request.out.with_suffix(".onnx" if request.engine == "trt" else ".fp32.onnx")
        lines += export_files(replace(request.source, out=onnx))
        card = read_card(onnx)
    if request.precision not in (None, card.precision):
        assert request.precision is not None
        name = request.out.with_suffix(f".{request.precision}.onnx")
        onnx = _convert(onnx, name if request.engine == "trt" else request.out, request, card.imgsz)
        lines.append(
            f"{onnx}  {onnx.stat().st_size / 1e6:.2f} MB, {request.precision}; {onnx.with_suffix('.json').name}"
        )
    if request.engine == "trt":
        built = build_plan(onnx, request.out, request.plan, request.timing_cache)
        lines.append(
            f"{request.out}  {built['plan_bytes'] / 1e6:.2f} MB, {built['card']['precision']}, built in "
            f"{built['build_s']:.1f} s by {built['title']} {built['version']} for compute capability "
            f"{built['target']['capability']}"
        )
        lines.append(f"{request.out}.json")
    return lines


def _check(request: ConvertRequest) -> None:
    check_target(request.out, "--out")
    if request.engine == "trt" and request.out.suffix in (".onnx", ".json", ".pt"):
        raise InputError(
            f"--out {request.out}: a plan cannot be a {request.out.suffix} file; give a name such as model.plan."
        )
    if request.precision == "int8" and not request.images:
        raise InputError(
            "--images is missing: int8 ranges come from real images; name a folder of them for each data set "
            "(--images DIR --images DIR)."
        )
    if isinstance(request.source, Path) and request.engine == "ort" and request.precision is None:
        raise InputError("--precision is missing: say what to make of the ONNX, fp16 or int8, or use --engine trt.")


def _convert(onnx: Path, target: Path, request: ConvertRequest, imgsz: int) -> Path:
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"making an {request.precision} model needs {' and '.join(missing)}; install with: pip install "
            "'bench-freeze[ort]', or make it on another machine with --engine ort and bring it here."
        )
    from ..export.precision import convert_precision

    assert request.precision is not None
    images = sample_images(request.images, imgsz, IMAGES_PER_SET)
    with writing(target, "--out"):
        target.parent.mkdir(parents=True, exist_ok=True)
    with writing(target, "--out"), tempfile.TemporaryDirectory(dir=target.parent) as folder:
        partial = Path(folder) / "model.onnx"
        facts = convert_precision(onnx, partial, request.precision, images, request.int8)
        partial.replace(target)
    hashes = {"onnx_sha256": file_sha256(target), "fp32_sha256": file_sha256(onnx)}
    content = {**facts, **hashes, "versions": package_versions("onnx", "onnxruntime")}
    write_whole(target.with_suffix(".json"), json.dumps(content, indent=1).encode())
    return target
