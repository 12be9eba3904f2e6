"""The command `bench-freeze diff`."""

from __future__ import annotations

import argparse
import json

from ..errors import InputError
from ..exit_status import exit_table
from ..text.json_text import print_json
from ..text.terminal import Shown, rich_console, say
from .help_format import Commands, HelpFormatter

EPILOG = """\
A and B are [ENGINE:]FILE: an ONNX file (run by ONNX Runtime, or by TensorRT as trt:MODEL.onnx), a
TensorRT plan beside the ONNX file that it was built from, or a checkpoint (run by torch; with --tuned and --freeze as a
dual-head model).

examples:
  bench-freeze diff model.onnx model.int8.onnx --images fruit --images coco
  bench-freeze diff base.pt model.fp16.onnx --tuned tuned.pt --freeze 15
  bench-freeze diff model.onnx trt:model.fp16.onnx --device cuda:0

A checkpoint can run any program while it is loaded: names beyond Ultralytics' own are refused and shown, unless
--trust-checkpoint is given.

For every layer of B, `cumulative` is the error of its output against A's. `own` is the error if the layer gets A's
inputs, so it comes from this layer alone. Both are relative: |a - b| / |a|.

"""
EPILOG += exit_table(done="within the bounds", failed="an error exceeds them")


def add_diff(commands: Commands) -> None:
    """Add the command to the parser."""
    diff = commands.add_parser(
        "diff",
        help="compare two engines layer by layer and name the first that diverges",
        description="Run two forms of one model on the same images and compare all tensors that both have.",
        epilog=EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    diff.add_argument("a", metavar="A", help="the reference")
    diff.add_argument("b", metavar="B", help="what is examined")
    diff.add_argument(
        "--images", metavar="DIR", action="append", help="folder of real images; repeat for each data set"
    )
    diff.add_argument("--data", metavar="SET", action="append", help="images of a data yaml or COCO json")
    diff.add_argument("--count", type=int, default=4, metavar="N", help="images to take from each (default: 4)")
    diff.add_argument(
        "--bound", type=float, metavar="X", help="largest allowed cumulative error (default: by precision)"
    )
    diff.add_argument(
        "--own-bound", type=float, metavar="X", help="largest allowed error of a single layer (default: by precision)"
    )
    diff.add_argument("--tuned", metavar="TUNED.pt", help="fine-tuned checkpoint: makes the .pt side dual-head")
    diff.add_argument("--freeze", type=int, metavar="N", help="freeze depth of its fine-tuning")
    diff.add_argument("--construction", choices=("branched", "grafted", "plain"), help="default: branched")
    diff.add_argument(
        "--head-branch",
        choices=("one2many", "one2one"),
        default="one2many",
        help="which branch of a head with two (YOLOv10, YOLO26) to use; the file's own setting is ignored (default: "
        "one2many)",
    )
    diff.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="load checkpoints that need more than Ultralytics' own classes. Loading such a file can run any program, "
        "so use this only for files whose origin you know (bench-freeze doctor FILE lists what one would import)",
    )
    diff.add_argument("--imgsz", type=int, metavar="N", help="image side of two checkpoints (default: 640)")
    diff.add_argument("--device", default="cpu", help="GPU for TensorRT (default: the first)")
    diff.add_argument("--all", action="store_true", help="show every layer")
    diff.add_argument("--json", action="store_true", help="print json with every layer instead of the table")
    diff.set_defaults(call=_diff)


def _diff(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..diff.blame import Bounds, bounds_for, compare
    from ..diff.request import DiffRequest
    from ..diff.text import layer_table, sentences, to_dict

    _check_bounds(parsed)
    request = DiffRequest(
        sides=(parsed.a, parsed.b),
        tuned=parsed.tuned,
        freeze=parsed.freeze,
        construction=parsed.construction,
        head_branch=parsed.head_branch,
        trust_checkpoint=parsed.trust_checkpoint,
        imgsz=parsed.imgsz,
        device=parsed.device,
        images=tuple(parsed.images or ()),
        data=tuple(parsed.data or ()),
        count=parsed.count,
    )
    request.check()
    sides = request.open()
    try:
        a, b = sides
        default = bounds_for(a, b)
        bounds = Bounds(
            default.cumulative if parsed.bound is None else parsed.bound,
            default.own if parsed.own_bound is None else parsed.own_bound,
        )
        difference = compare(a, b, request.batches(a, b), bounds)
    finally:
        for side in sides:
            side.close()
    if parsed.json:
        print_json(json.dumps(to_dict(difference), indent=1))
    else:
        for sentence in sentences(difference):
            say(sentence)
        console = rich_console()
        console = console if console.is_terminal else rich_console(width=160)
        console.print(Shown(layer_table(difference, parsed.all)))
    return int(difference.diverges)


def _check_bounds(parsed: argparse.Namespace) -> None:
    for flag, value in (("--bound", parsed.bound), ("--own-bound", parsed.own_bound)):
        if value is not None and not 0 <= value < float("inf"):
            raise InputError(f"{flag} {value}: give a relative error of at least 0, for example 0.05.")
