"""The command `bench-freeze export`, and the requests that its flags become."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.aliases import device_name
from ..errors import InputError
from ..exit_status import exit_table
from ..text.paths import require_utf8
from ..text.terminal import say
from .help_format import Commands, HelpFormatter

if TYPE_CHECKING:
    from ..deployment.export_files import ExportRequest

EPILOG = """\
examples:
  bench-freeze export --weights base.pt --tuned tuned.pt --freeze 15 --out model.onnx
  bench-freeze export --onnx model.onnx --precision int8 --images fruit --images coco --out model.int8.onnx
  bench-freeze export --onnx model.onnx --engine trt --precision fp16 --compute-capability 86 --out model.plan

A checkpoint can run any program while it is loaded: names beyond Ultralytics' own are refused and shown, unless
--trust-checkpoint is given.

A plan runs on the kind of GPU that it was built for: this machine's by default. With TensorRT for RTX and
--compute-capability, a plan can be built without a GPU.

"""
EPILOG += exit_table(failed="the result differs from its source by more than allowed")


def add_export(commands: Commands) -> None:
    """Add the command to the parser."""
    export = commands.add_parser(
        "export",
        help="export a dual-head or single-head model to ONNX or a TensorRT plan",
        description="Export a model to ONNX with a model card inside, checked by onnx and against torch. With --tuned "
        "the model has two heads, without it that of the checkpoint. --precision converts the model, --engine trt "
        "builds a TensorRT plan from it. Each file gets a side-car json.",
        epilog=EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    source = export.add_argument_group("model")
    source.add_argument("--weights", metavar="BASE.pt", help="the base checkpoint")
    source.add_argument("--tuned", metavar="TUNED.pt", help="a fine-tuned checkpoint of the same layout")
    source.add_argument("--freeze", type=int, metavar="N", help="freeze depth of the fine-tuning (with --tuned)")
    source.add_argument(
        "--construction",
        choices=("branched", "grafted", "plain"),
        help="how to combine the two checkpoints (default: branched)",
    )
    source.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="load checkpoints that need more than Ultralytics' own classes. Loading such a file can run any program, "
        "so use this only for files whose origin you know (bench-freeze doctor FILE lists what one would import)",
    )
    source.add_argument(
        "--head-branch",
        choices=("one2many", "one2one"),
        default="one2many",
        help="which branch of a head with two (YOLOv10, YOLO26) to use; the file's own setting is ignored (default: "
        "one2many)",
    )
    source.add_argument("--onnx", metavar="MODEL.onnx", help="an exported model instead of checkpoints")
    source.add_argument("--imgsz", type=int, metavar="N", help="image side in pixels (default: 640)")
    source.add_argument("--batch", type=int, metavar="N", help="batch size (default: 1)")
    source.add_argument("--dynamic-batch", action="store_true", help="export with a dynamic batch dimension")
    source.add_argument("--opset", type=int, metavar="N", help="ONNX opset, at least 18 (default: 18)")
    source.add_argument(
        "--images",
        metavar="DIR",
        action="append",
        help="folder of real images, to compare outputs and to calibrate int8; repeat for each data set (default: "
        "generated)",
    )
    export.add_argument(
        "--out", required=True, metavar="FILE", help="the ONNX file or plan to write, with its side-car json beside it"
    )
    precision = export.add_argument_group("precision")
    precision.add_argument(
        "--precision",
        choices=("fp32", "fp16", "int8"),
        help="convert to this precision (default: the model as it is, fp32)",
    )
    precision.add_argument(
        "--calibration", choices=("minmax", "entropy"), help="calibration of int8 ranges (default: minmax)"
    )
    precision.add_argument(
        "--int8-last-layers", action="store_true", help="also quantize the heads' last convolutions to int8"
    )
    trt = export.add_argument_group("engine")
    trt.add_argument(
        "--engine", choices=("ort", "trt"), default="ort", help="ort writes ONNX, trt a TensorRT plan (default: ort)"
    )
    trt.add_argument(
        "--compute-capability", metavar="N", help="build for this compute capability, 86 or 8.6; needs no GPU"
    )
    trt.add_argument(
        "--device", type=device_name, default="cuda:0", metavar="cuda:N", help="the GPU to build for (default: cuda:0)"
    )
    trt.add_argument("--workspace", type=int, metavar="MB", help="limit of scratch memory (default: TensorRT's own)")
    trt.add_argument("--timing-cache", metavar="FILE", help="timing cache to read and update")
    trt.add_argument(
        "--version-compatible", action="store_true", help="build a plan that later TensorRT versions can run"
    )
    trt.add_argument(
        "--hardware-compatibility",
        choices=("none", "ampere_plus", "same_compute_capability"),
        default="none",
        help="build a plan for other GPUs too (default: none)",
    )
    trt.add_argument(
        "--dynamic-batch-profile", metavar="N,N,N", help="smallest, typical, largest batch (default: 1,8,32)"
    )
    trt.add_argument("--dla", type=int, metavar="N", help="run on this DLA core, unsupported layers on the GPU")
    export.set_defaults(call=_export)


def _export(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..deployment.export_files import ExportRequest, export_files

    if (parsed.weights is None) == (parsed.onnx is None):
        raise InputError("give either --weights BASE.pt or --onnx MODEL.onnx, the model to export.")
    source: Path | ExportRequest
    _refuse_contradictions(parsed)
    if parsed.onnx is not None:
        _refuse_export_flags(parsed)
        source = Path(parsed.onnx)
    else:
        free = parsed.dynamic_batch or parsed.dynamic_batch_profile
        source = ExportRequest(
            weights=parsed.weights,
            tuned=parsed.tuned,
            freeze=parsed.freeze,
            construction=parsed.construction,
            imgsz=640 if parsed.imgsz is None else parsed.imgsz,
            batch=None if free else 1 if parsed.batch is None else parsed.batch,
            opset=18 if parsed.opset is None else parsed.opset,
            images=tuple(parsed.images or ()),
            out=Path(parsed.out),
            trust_checkpoint=parsed.trust_checkpoint,
            head_branch=parsed.head_branch,
        )
    _refuse_plan_flags(parsed)
    require_utf8(Path(parsed.out), f"--out {parsed.out}")
    if isinstance(source, ExportRequest) and parsed.engine == "ort" and parsed.precision in (None, "fp32"):
        written = export_files(source)
    else:
        written = _convert(parsed, source)
    for line in written:
        say(line)
    return 0


def _convert(parsed: argparse.Namespace, source: ExportRequest | Path) -> list[str]:
    from ..deployment.convert_files import ConvertRequest, convert_files
    from ..export.builder import PlanOptions
    from ..export.quantize import Int8Settings

    return convert_files(
        ConvertRequest(
            source=source,
            engine=parsed.engine,
            precision=parsed.precision,
            int8=Int8Settings(parsed.calibration or "minmax", parsed.int8_last_layers),
            images=tuple(parsed.images or ()),
            plan=PlanOptions(
                device=parsed.device,
                compute_capability=_capability(parsed.compute_capability),
                workspace_mb=parsed.workspace,
                version_compatible=parsed.version_compatible,
                hardware_compatibility=parsed.hardware_compatibility,
                batch_profile=_profile(parsed.dynamic_batch_profile),
                dla_core=parsed.dla,
            ),
            timing_cache=Path(parsed.timing_cache) if parsed.timing_cache else None,
            out=Path(parsed.out),
        )
    )


def _refuse_export_flags(parsed: argparse.Namespace) -> None:
    """Raise InputError for flags that would change heads, size or batch of an ONNX file, which has them fixed."""
    given = {
        "--tuned": parsed.tuned is not None,
        "--freeze": parsed.freeze is not None,
        "--construction": parsed.construction is not None,
        "--imgsz": parsed.imgsz is not None,
        "--batch": parsed.batch is not None,
        "--opset": parsed.opset is not None,
        "--dynamic-batch": parsed.dynamic_batch,
        "--trust-checkpoint": parsed.trust_checkpoint,
        "--head-branch one2one": parsed.head_branch != "one2many",
    }
    for flag, there in given.items():
        if there:
            raise InputError(
                f"{flag} belongs to --weights; an ONNX file is already exported; export it again from its checkpoints."
            )
    if Path(parsed.onnx).suffix.lower() in (".pt", ".pth"):
        raise InputError(f"--onnx {parsed.onnx} is a checkpoint; give it as --weights {parsed.onnx}.")


def _refuse_contradictions(parsed: argparse.Namespace) -> None:
    if parsed.weights is not None and Path(parsed.weights).suffix.lower() == ".onnx":
        raise InputError(
            f"--weights {parsed.weights} is an ONNX model, and this option takes a checkpoint (.pt); give it "
            f"as --onnx {parsed.weights} with --precision or --engine trt."
        )
    for flag, there in (
        ("--dynamic-batch", parsed.dynamic_batch),
        ("--dynamic-batch-profile", parsed.dynamic_batch_profile),
    ):
        if parsed.batch is not None and there:
            raise InputError(
                f"--batch {parsed.batch} and {flag} exclude each other: a batch is fixed or dynamic; give one."
            )
    for flag, there in (
        ("--calibration", parsed.calibration is not None),
        ("--int8-last-layers", parsed.int8_last_layers),
    ):
        if there and parsed.precision != "int8":
            raise InputError(f"{flag} applies to int8; add --precision int8, or leave it out.")


def _refuse_plan_flags(parsed: argparse.Namespace) -> None:
    given = {
        "--compute-capability": parsed.compute_capability is not None,
        "--workspace": parsed.workspace is not None,
        "--timing-cache": parsed.timing_cache is not None,
        "--version-compatible": parsed.version_compatible,
        "--hardware-compatibility": parsed.hardware_compatibility != "none",
        "--dynamic-batch-profile": parsed.dynamic_batch_profile is not None,
        "--dla": parsed.dla is not None,
    }
    for flag, there in given.items():
        if there and parsed.engine != "trt":
            raise InputError(f"{flag} applies to TensorRT plans; add --engine trt, or leave it out.")


def _capability(text: str | None) -> str | None:
    """ "8.6", "86" and "sm86" are equivalent."""
    if text is None:
        return None
    digits = text.lower().removeprefix("sm").lstrip("_").replace(".", "")
    if not digits.isdigit() or not 2 <= len(digits) <= 3:
        raise InputError(
            f"--compute-capability {text} is not a compute capability; give two or three digits, for example 86 for "
            f"8.6."
        )
    return digits


def _profile(text: str | None) -> tuple[int, int, int] | None:
    if text is None:
        return None
    try:
        low, usual, high = (int(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"--dynamic-batch-profile {text} is not a list of three numbers; give smallest, typical, largest: 1,8,32."
        ) from None
    return low, usual, high
