"""The command `bench-freeze transfer`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..config.aliases import device_name
from ..errors import InputError
from ..exit_status import exit_table
from ..text.json_text import print_json
from ..text.terminal import say
from .help_format import Commands, HelpFormatter

if TYPE_CHECKING:
    from ..transfer.fine_tuning import FineTuning

DESCRIPTION = """\
How well does a pre-training serve another task? Each source is a backbone: of a detector, a classifier, a segmenter,
or with random weights (scratch). The same light reader is fitted on the frozen features of every source, for each share
of the training images and each seed; with --freeze, the backbones are fine-tuned, too. Intervals cover images and
seeds; differences are paired. Writes OUT/transfer.json and OUT/transfer.html, and keeps features and finished
fine-tunings in OUT. For detection, use `bench-freeze run`.
"""
EPILOG = (
    exit_table()
    + """\
examples:
  bench-freeze transfer --weights yolo11n.pt,yolo11n-cls.pt,scratch --classify flowers --data-fractions 0.1,0.25,1
  bench-freeze transfer --weights yolo11n.pt,yolo11n-cls.pt,scratch --classify flowers --freeze 9,0 --epochs 20
"""
)
_Value = TypeVar("_Value")


def add_transfer(commands: Commands) -> None:
    """Add the command to the parser."""
    transfer = commands.add_parser(
        "transfer",
        help="compare how well several pre-trainings serve other tasks, frozen and fine-tuned",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    transfer.add_argument(
        "--weights",
        required=True,
        metavar="FILE[,FILE]",
        help="checkpoints; scratch stands for random weights in the layers of the first",
    )
    transfer.add_argument(
        "--classify", metavar="DIR", help="an ImageFolder set: DIR/train/CLASS/*.jpg, DIR/val/CLASS/*.jpg"
    )
    transfer.add_argument(
        "--crops",
        metavar="YAML",
        help="a detection set; its objects are classified in crops that they fill to different degrees",
    )
    transfer.add_argument(
        "--segment",
        metavar="PATH",
        help="a segmentation set: a folder with images/, masks/ (PNG, 255 is not scored) and classes.txt, or a data "
        "yaml whose rows are polygons",
    )
    transfer.add_argument(
        "--look",
        metavar="YAML",
        help="a detection set: where activations are relative to its boxes, and how deleting halves or quarters of "
        "objects and growing occlusion change them",
    )
    transfer.add_argument(
        "--side-by-side",
        action="store_true",
        help="compare the sources' features on the images of --classify: neighbours, distances, CKA, clusters, t-SNE",
    )
    _add_fine_tuning(transfer)
    transfer.add_argument("--split", default="val", metavar="NAME", help="the split that is scored (default: val)")
    transfer.add_argument(
        "--data-fractions", default="1", metavar="F[,F]", help="shares of the training images (default: 1)"
    )
    transfer.add_argument(
        "--seeds", default="0,1,2", metavar="N[,N]", help="seeds of shares, held-out parts and random weights"
    )
    transfer.add_argument("--imgsz", type=int, default=224, metavar="PX", help="side of the canvas (default: 224)")
    transfer.add_argument("--batch", type=int, default=32, metavar="N", help="images per batch (default: 32)")
    transfer.add_argument("--device", type=device_name, default="cpu", help="cpu, 0, cuda:0 ... (default: cpu)")
    transfer.add_argument("--workers", type=int, metavar="N", help="threads that read images")
    transfer.add_argument("--trust-checkpoint", action="store_true", help="let checkpoints run code while loading")
    transfer.add_argument("--out", default="runs/transfer", metavar="DIR", help="default: runs/transfer")
    transfer.add_argument("--json", action="store_true", help="print transfer.json instead of the tables")
    transfer.set_defaults(call=_transfer)


def _add_fine_tuning(transfer: argparse.ArgumentParser) -> None:
    group = transfer.add_argument_group(
        "fine-tuning", "also fine-tune the backbones for --classify and --segment, every source with the same settings"
    )
    group.add_argument(
        "--freeze",
        metavar="N[,N]",
        help="fine-tune with layers 0 to N-1 frozen: 0 trains all layers, the backbone's number only the reader",
    )
    group.add_argument("--epochs", type=int, metavar="N", help="epochs of every fine-tuning (default: 10)")
    group.add_argument(
        "--lr0",
        type=float,
        metavar="LR",
        help="AdamW's peak learning rate of backbones, after a warm-up; the reader's is ten times it (default: 3e-4)",
    )
    group.add_argument(
        "--schedule", choices=("cosine", "linear"), help="how the rate falls from its peak to 0 (default: cosine)"
    )
    group.add_argument("--train-batch", type=int, metavar="N", help="most images per training step (default: 16)")


def _fine_tuning(parsed: argparse.Namespace) -> FineTuning | None:
    """The requested fine-tuning, or None. Raises InputError for its options without --freeze."""
    from ..transfer.fine_tuning import FineTuning

    given = {
        name: value
        for name, value in (
            ("epochs", parsed.epochs),
            ("lr0", parsed.lr0),
            ("schedule", parsed.schedule),
            ("batch", parsed.train_batch),
        )
        if value is not None
    }
    if parsed.freeze is not None:
        return FineTuning(_listed("--freeze", parsed.freeze, int, "whole numbers"), **given)
    if given:
        flag = {"batch": "train-batch"}.get(next(iter(given)), next(iter(given)))
        raise InputError(f"--{flag} belongs to fine-tuning; add --freeze N, the number of frozen layers (0: none).")
    return None


def _transfer(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..transfer.request import TransferRequest

    request = TransferRequest(
        weights=_listed("--weights", parsed.weights, str, "files"),
        out=Path(parsed.out),
        classify=Path(parsed.classify) if parsed.classify else None,
        crops=Path(parsed.crops) if parsed.crops else None,
        segment=Path(parsed.segment) if parsed.segment else None,
        look=Path(parsed.look) if parsed.look else None,
        side_by_side=parsed.side_by_side,
        tuning=_fine_tuning(parsed),
        split=parsed.split,
        data_fractions=_listed("--data-fractions", parsed.data_fractions, float, "numbers"),
        seeds=_listed("--seeds", parsed.seeds, int, "whole numbers"),
        imgsz=parsed.imgsz,
        batch=parsed.batch,
        device=parsed.device,
        workers=parsed.workers,
        trust_checkpoint=parsed.trust_checkpoint,
    )
    from ..console import Console
    from ..report.transfer_text import transfer_text
    from ..results.sealing import seal
    from ..results.transfer import encode_transfer
    from ..transfer.flow import PAGE, RESULTS, run_transfer

    found = run_transfer(request, Console(plain=parsed.json), command)
    if parsed.json:
        print_json(seal(encode_transfer(found)))
        return 0
    print(transfer_text(found))
    say(str(request.out / RESULTS))
    say(str(request.out / PAGE))
    return 0


def _listed(flag: str, text: str, kind: Callable[[str], _Value], what: str) -> tuple[_Value, ...]:
    try:
        return tuple(kind(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise InputError(f"{flag} {text}: give {what}, separated by commas.") from None
