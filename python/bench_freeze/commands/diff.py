"""The flags of `bench-freeze diff` and what they call; everything heavy is imported when it runs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..exit_status import exit_table
from ..text.json_text import print_json
from ..text.terminal import Shown, rich_console, say
from .help_format import HelpFormatter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..diff.side import Side

ENGINES = {".onnx": "ort", ".pt": "torch", ".plan": "trt", ".engine": "trt"}
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


def add_diff(commands: Any) -> None:
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
    diff.add_argument("--count", type=int, default=4, metavar="N", help="images taken of each (default: 4)")
    diff.add_argument("--bound", type=float, metavar="X", help="largest cumulative error (default: by precision)")
    diff.add_argument("--own-bound", type=float, metavar="X", help="largest error of one layer itself (the same)")
    diff.add_argument("--tuned", metavar="TUNED.pt", help="fine-tuned checkpoint: makes a .pt side dual-head")
    diff.add_argument("--freeze", type=int, metavar="N", help="freeze depth of its fine-tuning")
    diff.add_argument("--construction", choices=("branched", "grafted", "plain"), help="default: branched")
    diff.add_argument(
        "--head-branch",
        choices=("one2many", "one2one"),
        default="one2many",
        help="branch that answers in a checkpoint's head with two; the file's own wish is not followed "
        "(default: one2many)",
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
    from ..diff.text import layer_table, sentences, to_dict

    _check(parsed)
    sides = _open(parsed)
    try:
        a, b = sides
        default = bounds_for(a, b)
        bounds = Bounds(
            default.cumulative if parsed.bound is None else parsed.bound,
            default.own if parsed.own_bound is None else parsed.own_bound,
        )
        difference = compare(a, b, _batches(parsed, a, b), bounds)
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


def _check(parsed: argparse.Namespace) -> None:
    for flag, value in (("--bound", parsed.bound), ("--own-bound", parsed.own_bound)):
        if value is not None and not 0 <= value < float("inf"):
            raise InputError(f"{flag} {value}: give a relative error of at least 0, for example 0.05.")
    if parsed.count < 1:
        raise InputError(f"--count {parsed.count}: give at least 1 image.")
    kinds = [_split(text)[0] for text in (parsed.a, parsed.b)]
    of_a_checkpoint = (parsed.tuned, parsed.freeze, parsed.construction, parsed.trust_checkpoint or None)
    if "torch" not in kinds and any(given is not None for given in of_a_checkpoint):
        raise InputError(
            "--tuned, --freeze, --construction and --trust-checkpoint belong to a checkpoint; neither A nor B is one."
        )


def _split(text: str) -> tuple[str, Path]:
    """ "trt:model.onnx" or "model.onnx" as engine and file."""
    engine, colon, rest = text.partition(":")
    if colon and engine in ("torch", "ort", "trt"):
        path = Path(rest)
    else:
        path = Path(text)
        engine = ENGINES.get(path.suffix, "")
    if not engine:
        raise InputError(f"{text}: its name does not say what it is; give ENGINE:FILE with torch, ort or trt.")
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; give an ONNX file, a plan, or a checkpoint.")
    if engine == "ort" and path.suffix != ".onnx":
        raise InputError(f"{text}: ONNX Runtime reads .onnx files only.")
    return engine, path


def _open(parsed: argparse.Namespace) -> tuple[Side, Side]:
    """Both sides; checkpoints last, since they take image size and batch from the other."""
    sides: dict[int, Side] = {}
    described = [_split(text) for text in (parsed.a, parsed.b)]
    for i, (engine, path) in sorted(enumerate(described), key=lambda item: item[1][0] == "torch"):
        other = next(iter(sides.values()), None)
        sides[i] = _side(engine, path, parsed, other)
    return sides[0], sides[1]


def _side(engine: str, path: Path, parsed: argparse.Namespace, other: Side | None) -> Side:
    if engine == "ort":
        from ..diff.side import OrtSide

        return OrtSide(path)
    if engine == "trt":
        from ..diff.trt_side import TrtSide
        from ..engines.availability import engine_device, require_engine

        require_engine("trt", parsed.device)
        return TrtSide(path, engine_device("trt", parsed.device))
    from ..deployment.export_files import candidate_of
    from ..diff.torch_side import TorchSide
    from ..dualhead.quiet import quiet_ultralytics

    quiet_ultralytics()
    candidate = candidate_of(
        str(path),
        parsed.tuned,
        parsed.freeze,
        parsed.construction,
        head_branch=parsed.head_branch,
        trust=parsed.trust_checkpoint,
        option="A:" if _split(parsed.a)[1] == path else "B:",
    )
    imgsz = other.card.imgsz if other is not None else parsed.imgsz or 640
    batch = other.card.batch if other is not None else None
    return TorchSide(path.name, candidate, imgsz, batch or 1)


def _batches(parsed: argparse.Namespace, a: Side, b: Side) -> Sequence[NDArray[np.float32]]:
    """The images in batches that both sides take."""
    if a.card.imgsz != b.card.imgsz:
        raise InputError(f"A takes images of {a.card.imgsz} pixels and B of {b.card.imgsz}; export both at one size.")
    fixed = {card.batch for card in (a.card, b.card) if card.batch is not None}
    if len(fixed) > 1:
        raise InputError(f"A takes batches of {a.card.batch} and B of {b.card.batch}; export both with one batch size.")
    batch = fixed.pop() if fixed else 1
    images = _images(parsed, a.card.imgsz)
    if len(images) < batch:
        raise InputError(f"{len(images)} images do not fill a batch of {batch}; give more with --count.")
    return [images[i : i + batch] for i in range(0, len(images) - batch + 1, batch)]


def _images(parsed: argparse.Namespace, imgsz: int) -> NDArray[np.float32]:
    import numpy as np

    from ..data.images import spread
    from ..data.loader import load_batch
    from ..data.source import open_base
    from ..deployment.convert_files import read_images

    parts = [read_images([folder], imgsz, parsed.count) for folder in parsed.images or ()]
    for name in parsed.data or ():
        records = spread(open_base(Path(name), None, "val").images, parsed.count)
        parts.append(load_batch(records, 0, imgsz).images)
    return np.concatenate(parts) if parts else read_images([], imgsz)
