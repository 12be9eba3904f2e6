"""The flags of `bench-freeze diff`, and what it prints."""

from __future__ import annotations

import argparse
import json

from ..errors import InputError
from ..exit_status import exit_table
from ..text.json_text import print_json
from ..text.terminal import Shown, rich_console, say
from .help_format import Commands, HelpFormatter

EPILOG = """\
A and B are [ENGINE:]FILE: an ONNX file (through ONNX Runtime, or trt:MODEL.onnx), a TensorRT plan with the ONNX that it
was built from beside it, or a checkpoint (through torch; --tuned and --freeze make the dual-head model of it).

examples:
  bench-freeze diff model.onnx model.int8.onnx --images fruit --images coco
  bench-freeze diff base.pt model.fp16.onnx --tuned tuned.pt --freeze 15
  bench-freeze diff model.onnx trt:model.fp16.onnx --device cuda:0

A checkpoint can run any program while it is loaded: names beyond Ultralytics' own are refused and shown, unless
--trust-checkpoint is given.

For every layer of B: `cumulative` is how far its output is from A's; `own` is how far it is when B's layer is given A's
inputs, so it is the layer's own fault. Both are relative, |a - b| / |a|.

"""
EPILOG += exit_table(done="within the bounds", failed="something diverges beyond them")


def add_diff(commands: Commands) -> None:
    """Add the command to the parser's."""
    diff = commands.add_parser(
        "diff",
        help="compare two engines layer by layer and name the first that diverges",
        description="Run two forms of one model on the same images and compare every tensor that both have.",
        epilog=EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    diff.add_argument("a", metavar="A", help="the reference")
    diff.add_argument("b", metavar="B", help="what is examined")
    diff.add_argument("--images", metavar="DIR", action="append", help="real images; once per data set")
    diff.add_argument("--data", metavar="SET", action="append", help="the same from a data yaml or COCO json")
    diff.add_argument("--count", type=int, default=4, metavar="N", help="images taken from each (default: 4)")
    diff.add_argument("--bound", type=float, metavar="X", help="largest cumulative error (default: by precision)")
    diff.add_argument(
        "--own-bound", type=float, metavar="X", help="largest error of one layer by itself (default: likewise)"
    )
    diff.add_argument("--tuned", metavar="TUNED.pt", help="fine-tuned checkpoint: makes the .pt side dual-head")
    diff.add_argument("--freeze", type=int, metavar="N", help="freeze depth of its fine-tuning")
    diff.add_argument("--construction", choices=("branched", "grafted", "plain"), help="default: branched")
    diff.add_argument(
        "--head-branch",
        choices=("one2many", "one2one"),
        default="one2many",
        help="branch to use of a head with two; the file's own setting is ignored (default: one2many)",
    )
    diff.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="load checkpoints that need more than Ultralytics' own classes: such a file can run any program while it "
        "is loaded, so only for files whose origin you know (bench-freeze doctor FILE lists what one would load)",
    )
    diff.add_argument("--imgsz", type=int, metavar="N", help="image side of two checkpoints (default: 640)")
    diff.add_argument("--device", default="cpu", help="GPU of a TensorRT side (default: its first)")
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
