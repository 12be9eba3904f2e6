"""The command `bench-freeze predict`. Heavy packages are imported when it runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..exit_status import exit_table
from ..text.terminal import say
from .help_format import Commands, HelpFormatter

if TYPE_CHECKING:
    from ..predict.model import Confidence
    from ..predict.predict import Predicted

EPILOG = """\
examples:
  bench-freeze predict runs/demo photos                      pictures of the pick's detections
  bench-freeze predict runs/demo/best clip.mp4               a video
  bench-freeze predict model.onnx 'photos/*.jpg' --format csv --conf 0.4
  bench-freeze predict runs/demo val2017 --format coco       the study's detections, for `bench-freeze eval --dt`

By default, detections below each class's threshold of best F1 are dropped if the model has them (a shipped folder),
else those below 0.25. --format coco keeps everything that the study scored, so that it can be scored again. Files that
cannot be read are counted and named at the end; all others are processed.

"""
EPILOG += exit_table()


def add_predict(commands: Commands) -> None:
    """Add the command to the parser."""
    predict = commands.add_parser(
        "predict",
        help="run a model on images, a video or a camera; write pictures, COCO json, CSV or YOLO labels",
        description="Run a model with all its heads, using the study's decoder, letterbox, engine and suppression. "
        "ONNX files and plans need no torch.",
        epilog=EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    predict.add_argument(
        "model",
        metavar="MODEL",
        help="the output folder of a run, a shipped folder, an ONNX file, a plan, or a .pt file",
    )
    predict.add_argument(
        "source", metavar="SOURCE", help="an image, a folder, a glob in quotes, a video, or a camera's number"
    )
    predict.add_argument("--out", metavar="DIR", help="folder to write (default: runs/predict, runs/predict2 ...)")
    predict.add_argument(
        "--format",
        choices=("pictures", "coco", "csv", "yolo"),
        default="pictures",
        help="pictures (or a video, for a video), COCO results json, CSV, or YOLO text files (default: pictures)",
    )
    predict.add_argument("--conf", metavar="X", help="lowest score, from 0 to 1, or best: see below")
    predict.add_argument(
        "--iou",
        type=float,
        metavar="X",
        help="suppression removes a box whose IoU with a better one exceeds this (default: the study's, else 0.7)",
    )
    predict.add_argument("--max-det", type=int, metavar="N", help="most detections per head and image (default: 300)")
    predict.add_argument("--head", metavar="NAME", help="only this head, base or target (default: all)")
    predict.add_argument("--max-frames", type=int, metavar="N", help="stop after this many images or frames")
    engine = predict.add_argument_group("engine")
    engine.add_argument(
        "--engine",
        metavar="NAME",
        help="torch, ort, ort-trt or trt (default: the study's, else by the type of the file)",
    )
    engine.add_argument("--device", metavar="NAME", help="cpu, cuda:0 ... (default: the study's, else cpu)")
    engine.add_argument("--threads", type=int, metavar="N", help="threads of the engine (default: its own choice)")
    engine.add_argument("--imgsz", type=int, metavar="N", help="image side for a .pt file (default: 640)")
    engine.add_argument(
        "--trust-checkpoint", action="store_true", help="as in `bench-freeze run`, for a .pt file whose origin you know"
    )
    predict.set_defaults(call=_predict)


def _predict(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..console import Console
    from ..predict.opened import Wanted
    from ..predict.predict import PredictRequest, predict

    for flag in ("max_det", "max_frames", "threads", "imgsz"):
        value = getattr(parsed, flag)
        if value is not None and value < 1:
            raise InputError(f"--{flag.replace('_', '-')} {value}: give at least 1.")
    request = PredictRequest(
        model=Path(parsed.model),
        source=parsed.source,
        out=None if parsed.out is None else Path(parsed.out),
        form=parsed.format,
        wanted=Wanted(parsed.engine, parsed.device, parsed.threads, parsed.imgsz, parsed.trust_checkpoint),
        conf=_confidence(parsed.conf),
        iou=parsed.iou,
        max_det=parsed.max_det,
        head=parsed.head,
        max_frames=parsed.max_frames,
    )
    done = predict(request, Console())
    for line in _lines(done):
        say(line, error=True)
    for path in done.written:
        say(str(path))
    if done.problems:
        raise InputError(_unread(done))
    return 0


def _confidence(text: str | None) -> Confidence:
    if text is None or text == "best":
        return None if text is None else "best"
    try:
        return float(text)
    except ValueError:
        raise InputError(f"--conf {text[:40]}: give a number from 0 to 1, or best.") from None


def _lines(done: Predicted) -> list[str]:
    found = ", ".join(f"{count} {head}" for head, count in done.detections.items())
    images = f"{done.frames} image{'' if done.frames == 1 else 's'}"
    speed = ""
    if done.seconds > 0:
        speed = f" in {done.seconds:.1f} s, {done.frames / done.seconds:.1f} a second, engine busy {done.busy:.0%}"
    return [f"{images}{speed}; detections: {found}", *done.notes]


def _unread(done: Predicted) -> str:
    """The files that could not be read, with the first few reasons, which name them."""
    shown = [problem.rstrip(".") for problem in done.problems[:3]]
    more = f" (and {len(done.problems) - len(shown)} more)" if len(done.problems) > len(shown) else ""
    every = done.frames + len(done.problems)
    return f"{len(done.problems)} of {every} images could not be read, the others are done: {'; '.join(shown)}{more}."
