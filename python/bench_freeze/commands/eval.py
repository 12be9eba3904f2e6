"""The command `bench-freeze eval`. Heavy packages are imported when it runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..config.aliases import device_name
from ..errors import InputError
from ..exit_status import exit_table
from ..text.json_text import print_findings
from .help_format import Commands, HelpFormatter


def add_eval(commands: Commands) -> None:
    """Add the command to the parser."""
    evaluate = commands.add_parser(
        "eval",
        help="score a COCO results json, or an ONNX model on its images",
        description="Score detections against an instances json: the twelve numbers of pycocotools, to the last digit. "
        "Detections come from a json in COCO's results format (which needs neither torch nor pycocotools), or from a "
        "model that bench-freeze or Ultralytics exported, run by ONNX Runtime with the settings of `run`.",
        epilog=exit_table(),
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    evaluate.add_argument("--gt", required=True, metavar="INSTANCES.json", help="ground truth")
    source = evaluate.add_mutually_exclusive_group(required=True)
    source.add_argument("--dt", metavar="RESULTS.json", help="detections")
    source.add_argument("--model", metavar="MODEL.onnx", help="a model to run on the images of the ground truth")
    evaluate.add_argument(
        "--protocol",
        default="coco",
        metavar="NAME",
        help="coco (default), coco-corrected, ultralytics-8.4.183, voc-all or voc-11",
    )
    evaluate.add_argument(
        "--iou",
        metavar="LIST",
        help="also report AP at these IoU thresholds by the same protocol, COCO's and VOC's also by size: 0.5,0.7 or "
        "0.10:0.05:0.95 (first, step, last)",
    )
    evaluate.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="threads of scoring (does not affect the numbers; default: 1) and of the model (default: its own choice)",
    )
    evaluate.add_argument("--json", action="store_true", help="print json instead of the summary")
    model = evaluate.add_argument_group("with --model")
    model.add_argument("--images", metavar="DIR", help="folder of the images (default: COCO's layout beside --gt)")
    model.add_argument(
        "--head",
        choices=("base", "target"),
        help="which head of a dual-head model (default: the one whose class names match)",
    )
    model.add_argument(
        "--unmatched-classes",
        choices=("error", "ignore"),
        default="error",
        help="ignore: score only the classes that the model and --gt share, by name (default: error)",
    )
    model.add_argument("--device", type=device_name, default="cpu", help="cpu, 0, cuda:0 ... (default: cpu)")
    evaluate.set_defaults(call=_eval)


def _eval(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..kernels.results_ahead import ResultsAhead

    ahead = None
    if parsed.dt is not None and Path(parsed.gt).is_file() and (parsed.threads or 1) > 1:
        ahead = ResultsAhead(Path(parsed.dt), parsed.threads)  # reads while the modules below load
    from ..evaluate.eval_report import evaluate_files
    from ..evaluate.protocols import rules_of, thresholds_of

    rules_of(parsed.protocol)
    if parsed.threads is not None and parsed.threads < 1:
        raise InputError(f"--threads {parsed.threads}: give at least 1.")
    ious = () if parsed.iou is None else thresholds_of(parsed.iou)
    gt = Path(parsed.gt)
    if parsed.dt is not None:
        report = evaluate_files(
            gt, Path(parsed.dt), protocol=parsed.protocol, threads=parsed.threads or 1, ious=ious, ahead=ahead
        )
    else:
        from ..deployment.model_eval import ModelEval, evaluate_model

        request = ModelEval(
            model=Path(parsed.model),
            gt=gt,
            images=Path(parsed.images) if parsed.images else None,
            head=parsed.head,
            unmatched_classes=parsed.unmatched_classes,
            protocol=parsed.protocol,
            device=parsed.device,
            threads=parsed.threads,
            ious=ious,
        )
        report = evaluate_model(request)
    print_findings(report.to_dict(), parsed.json, lambda _: report.summary())
    return 0
