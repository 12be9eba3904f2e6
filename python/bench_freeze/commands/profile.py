"""The command `bench-freeze profile`. Heavy packages are imported when it runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..config.aliases import device_name
from ..errors import InputError
from ..exit_status import exit_table
from ..text.json_text import print_json
from ..text.terminal import say
from .help_format import Commands, HelpFormatter


def add_profile(commands: Commands) -> None:
    """Add the command to the parser."""
    profile = commands.add_parser(
        "profile",
        help="measure accuracy, latency, throughput, energy and machine state of one ONNX file or plan",
        description="Measure one ONNX file of `bench-freeze export`, or a TensorRT plan with its side-car (or an "
        ".engine file of Ultralytics), on this machine: accuracy of both heads (with --target and --base), latency of "
        "the engine and of the pipeline with its stages, and cold start. On request also a paced rate, throughput over "
        "batch sizes, and an interleaved comparison with another model; energy if the machine has a counter. "
        "Percentiles have 95 % bounds, and every figure a verdict with reasons. The json is written after every part.",
        epilog=exit_table(),
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    profile.add_argument(
        "model", metavar="MODEL", help="an ONNX file or plan of bench-freeze export, or an .engine file"
    )
    profile.add_argument(
        "--engine",
        choices=("ort", "ort-trt", "trt"),
        help="engine; trt builds a plan from an ONNX file (default: ort for an ONNX file, trt for a plan)",
    )
    for role in ("target", "base"):
        profile.add_argument(f"--{role}", metavar="SET", help=f"score on this {role} set: data yaml or COCO json")
        profile.add_argument(f"--{role}-images", metavar="DIR", help="image folder of a COCO json")
    profile.add_argument("--split", default="val", choices=("val", "test"), help="split of a data yaml (default: val)")
    profile.add_argument(
        "--unmatched-classes",
        default="error",
        choices=("error", "ignore"),
        help="what to do with a class of a head that has no category of its name, or the reverse (default: error)",
    )
    profile.add_argument(
        "--out",
        metavar="FILE",
        help="the json to write, with match data of --target and --base beside it (default: MODEL.profile.json, here)",
    )
    profile.add_argument("--device", type=device_name, default="cpu", help="cpu, 0, cuda:0 ... (default: cpu)")
    profile.add_argument("--threads", type=int, metavar="N", help="threads of the engine (default: its own choice)")
    profile.add_argument("--images", metavar="DIR", help="images to time on (default: of the sets, else generated)")
    profile.add_argument(
        "--batch", default="", metavar="N[,N]", help="batch sizes to compare; latency is measured at the first"
    )
    profile.add_argument(
        "--max-batch", type=int, default=0, metavar="N", help="find the largest batch that fits, up to N"
    )
    profile.add_argument("--samples", type=int, default=1000, metavar="N", help="most samples per part (default: 1000)")
    profile.add_argument("--seconds", type=float, default=10.0, metavar="S", help="most seconds per part (default: 10)")
    profile.add_argument(
        "--criterion", choices=("stdrel", "entropy"), default="stdrel", help="when to stop sampling (default: stdrel)"
    )
    profile.add_argument("--rate", type=float, metavar="HZ", help="also call the model at this fixed rate")
    profile.add_argument(
        "--concurrency",
        default="",
        metavar="N[,N]",
        help="also serve N streams at once, on a shared engine and on one each; with --rate each stream delivers "
        "frames at that rate",
    )
    profile.add_argument(
        "--power-modes",
        default="",
        metavar="all|N[,N]",
        help="on a Jetson, as root: measure latency, energy and temperature in these nvpmodel modes with clocks "
        "locked; the earlier mode is restored",
    )
    profile.add_argument(
        "--vs", metavar="OTHER", help="also compare with this model in interleaved rounds, by default with one thread"
    )
    profile.add_argument("--json", action="store_true", help="print the json instead of the summary")
    profile.set_defaults(call=_profile)


def _profile(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..profile.accuracy import AccuracyRequest
    from ..profile.profiler import profile_model
    from ..profile.request import ProfileRequest
    from ..report.profile_text import profile_text
    from ..results.profile import encode_profile
    from ..results.sealing import seal

    model = Path(parsed.model)
    request = ProfileRequest(
        model=model,
        out=Path(parsed.out) if parsed.out else Path(f"{model.stem}.profile.json"),
        device=parsed.device,
        threads=parsed.threads,
        images=parsed.images,
        batches=_sizes("--batch", parsed.batch),
        max_batch=parsed.max_batch,
        samples=parsed.samples,
        seconds=parsed.seconds,
        criterion=parsed.criterion,
        rate_hz=parsed.rate,
        streams=_sizes("--concurrency", parsed.concurrency),
        power_modes=parsed.power_modes,
        versus=Path(parsed.vs) if parsed.vs else None,
        engine=parsed.engine,
        accuracy=AccuracyRequest(
            target=_path(parsed.target),
            target_images=_path(parsed.target_images),
            base=_path(parsed.base),
            base_images=_path(parsed.base_images),
            split=parsed.split,
            unmatched=parsed.unmatched_classes,
        ),
    )
    from ..console import Console

    profile = profile_model(request, command, Console(plain=parsed.json).note)
    if parsed.json:
        print_json(seal(encode_profile(profile)))
    else:
        print(profile_text(profile))
        say(str(request.out))
    return 0


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _sizes(flag: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in text.split(",") if size.strip())
    except ValueError:
        raise InputError(f"{flag} {text}: give whole numbers, for example {flag} 1,2,4.") from None
