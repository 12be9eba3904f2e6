"""ONNX to a strongly typed TensorRT plan: the ONNX file determines the precision, and the builder follows it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from .. import __version__
from ..artifact import Artifact, ArtifactStore
from ..data.letterbox import FILL
from ..engines.cuda_device import cuda_device
from ..engines.plan_file import Plan, side_car_path, write_side_car
from ..engines.tensorrt_family import TensorRT, builder_for
from ..files import Facts, file_sha256, write_whole
from .builder import PlanOptions, check_options, serialize
from .onnx_card import read_card

PLAN = "model.plan"
TIMING_CACHE = "timing.cache"


def plan_target(options: PlanOptions) -> dict[str, str]:
    """What the plan is built for: a compute capability, and also the GPU and driver if it is built for this machine."""
    if options.compute_capability is not None:
        return {"capability": options.compute_capability}
    return asdict(cuda_device(options.device))


def plan_inputs(onnx_sha256: str, trt: TensorRT, target: Mapping[str, str], options: PlanOptions) -> Facts:
    """Everything that a plan depends on, as inputs of its artifact; file names are never part of it."""
    flags = {name: value for name, value in asdict(options).items() if name not in ("device", "compute_capability")}
    return {"onnx_sha256": onnx_sha256, "tensorrt": str(trt), "target": dict(target), "flags": flags}


def produce_plan(onnx: Path, options: PlanOptions, store: ArtifactStore, build: int = 0) -> tuple[Artifact, bool]:
    """Return the artifact of an ONNX file's plan (PLAN, side-car, timing cache), and whether it was built now.

    Build 0 starts from the newest timing cache of the same TensorRT and target. Every other build starts without a
    cache and keeps its own: with the shared cache it would only repeat the earlier choices.
    """
    check_options(options)
    trt = builder_for(options.compute_capability)
    target = plan_target(options)
    inputs = plan_inputs(file_sha256(onnx), trt, target, options)
    if build:
        inputs["build"] = build

    def make(folder: Path) -> Facts:
        cache = None
        if trt.member.timing_cache:
            cache = folder / TIMING_CACHE if build else _shared_cache(store, trt, target)
        side_car = build_plan(onnx, folder / PLAN, options, cache)
        if cache is not None and not build:
            (folder / TIMING_CACHE).write_bytes(cache.read_bytes())
        return side_car

    return store.produce("plan", inputs, make)


def _shared_cache(store: ArtifactStore, trt: TensorRT, target: Mapping[str, str]) -> Path:
    """The path of the timing cache that builds by the same TensorRT for the same target share."""
    shared = hashlib.sha256(repr((str(trt), sorted(target.items()))).encode()).hexdigest()[:12]
    return store.folder / f"timing-{shared}.cache"


def build_plan(onnx: Path, plan: Path, options: PlanOptions, timing_cache: Path | None = None) -> Facts:
    """Build `plan` and its side-car JSON. Returns the content of the side-car.

    The timing cache is read if its file exists, and written back. Raises InputError if TensorRT cannot build the plan,
    with the ONNX node that causes it if TensorRT reports one.
    """
    check_options(options)
    card = read_card(onnx)
    trt = builder_for(options.compute_capability)
    built = serialize(onnx.read_bytes(), str(onnx), trt, options, timing_cache)
    target = plan_target(options)
    write_whole(plan, built.content)
    side_car = Plan(
        bench_freeze=__version__,
        plan_sha256=hashlib.sha256(built.content).hexdigest(),
        plan_bytes=len(built.content),
        onnx_sha256=file_sha256(onnx),
        module=trt.member.module,
        title=trt.member.title,
        version=trt.version,
        target=target,
        flags=plan_inputs("", trt, target, replace(options, batch_profile=built.batch_profile))["flags"],
        timing_cache_sha256=built.timing_cache_sha256,
        build_s=built.seconds,
        inputs=built.inputs,
        outputs=built.outputs,
        card=card.to_dict(),
        letterbox={"size": card.imgsz, "fill": FILL, "resize": "bilinear", "colour": "RGB", "range": [0, 1]},
    )
    write_side_car(side_car_path(plan), side_car)
    return asdict(side_car)
