"""TensorRT's builder: ONNX bytes to a serialized, strongly typed plan. No other module calls the builder."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..engines.cuda_device import cuda_device, on_gpu
from ..engines.tensorrt_family import TensorRT
from ..errors import InputError
from ..files import Facts, write_whole
from ..user_files import MissingFile, read_file

if TYPE_CHECKING:
    import tensorrt as trt_api

DEFAULT_PROFILE = (1, 8, 32)
DTYPES = {"float": "float32", "half": "float16"}  # TensorRT's names and NumPy's


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """How a plan is built: ahead of time for a `compute_capability` such as "86", or if that is None for `device`."""

    device: str = "cuda:0"
    compute_capability: str | None = None
    workspace_mb: int | None = None
    version_compatible: bool = False
    hardware_compatibility: Literal["none", "ampere_plus", "same_compute_capability"] = "none"
    batch_profile: tuple[int, int, int] | None = None  # smallest, typical and largest batch, if the batch is dynamic
    dla_core: int | None = None


@dataclass(frozen=True)
class Serialized:
    """A plan and the facts of its build."""

    content: bytes
    inputs: list[Facts]
    outputs: list[Facts]
    batch_profile: tuple[int, int, int] | None
    timing_cache_sha256: dict[str, str | None]
    seconds: float


def serialize(
    onnx: bytes, name: str, trt: TensorRT, options: PlanOptions, timing_cache: Path | None = None
) -> Serialized:
    """Build the plan of an ONNX model; `name` is the model's name in errors.

    The timing cache is read if its file exists, and written back. Raises InputError if TensorRT cannot build the plan,
    with the ONNX node that causes it if TensorRT reports one.
    """
    check_options(options)
    _check_member(trt, options, timing_cache)
    if options.compute_capability is not None:
        return _serialize(onnx, name, trt, options, timing_cache)
    cuda_device(options.device)  # checks the driver before TensorRT is used
    with on_gpu(options.device):
        return _serialize(onnx, name, trt, options, timing_cache)


def _serialize(onnx: bytes, name: str, trt: TensorRT, options: PlanOptions, timing_cache: Path | None) -> Serialized:
    log = _log(trt)
    builder = trt.api.Builder(log)
    network = builder.create_network(1 << int(trt.api.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    _parse(trt, network, log, onnx, name)
    config = builder.create_builder_config()
    _set_target(trt, config, options)
    _set_flags(trt, config, options, is_static=network.get_input(0).shape[0] >= 0)
    profile = _set_profile(builder, config, network, options, name)
    before = _load_timing_cache(config, timing_cache)
    began = time.perf_counter()
    serialized = builder.build_serialized_network(network, config)
    seconds = time.perf_counter() - began
    if serialized is None:
        raise InputError(f"{name}: {trt} could not build a plan ({'; '.join(log.errors) or 'it gives no reason'}).")
    after = _save_timing_cache(config, timing_cache)
    return Serialized(
        content=bytes(serialized),
        inputs=[_tensor(network.get_input(i)) for i in range(network.num_inputs)],
        outputs=[_tensor(network.get_output(i)) for i in range(network.num_outputs)],
        batch_profile=profile,
        timing_cache_sha256={"before": before, "after": after},
        seconds=seconds,
    )


def check_options(options: PlanOptions) -> None:
    """Raise InputError for values that no version of TensorRT accepts."""
    if options.workspace_mb is not None and options.workspace_mb < 1:
        raise InputError(f"--workspace {options.workspace_mb} is out of range; give megabytes, at least 1.")
    if options.batch_profile is not None:
        low, usual, high = options.batch_profile
        if not 1 <= low <= usual <= high:
            raise InputError(
                f"--dynamic-batch-profile {low},{usual},{high} is not a smallest, typical and largest batch; "
                "use 1,8,32."
            )


def _check_member(trt: TensorRT, options: PlanOptions, timing_cache: Path | None) -> None:
    """Raise InputError for options that this member of the family does not support, rather than ignore them."""
    member = trt.member
    asked = {
        "--version-compatible": (options.version_compatible, member.version_compatible),
        "--hardware-compatibility": (options.hardware_compatibility != "none", member.hardware_compatibility),
        "--dla": (options.dla_core is not None, member.dla),
        "--timing-cache": (timing_cache is not None, member.timing_cache),
    }
    for flag, (wanted, possible) in asked.items():
        if wanted and not possible:
            raise InputError(f"{flag}: {trt} cannot do it; leave it out, or build with TensorRT on the target machine.")


def _log(trt: TensorRT) -> trt_api.ILogger:
    """A logger that collects errors for the exception's message and prints nothing."""

    interface = trt.api.ILogger

    class Log(interface):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            interface.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: object, message: str) -> None:
            if severity in (interface.Severity.ERROR, interface.Severity.INTERNAL_ERROR):
                self.errors.append(" ".join(message.split())[:300])

    return Log()


def _parse(trt: TensorRT, network: trt_api.INetworkDefinition, log: trt_api.ILogger, onnx: bytes, name: str) -> None:
    parser = trt.api.OnnxParser(network, log)
    if parser.parse(onnx):
        return
    found = []
    for i in range(parser.num_errors):
        error = parser.get_error(i)
        where = f"node '{error.node_name()}' ({error.node_operator()}): " if error.node_operator() else ""
        found.append(f"{where}{' '.join(error.desc().split())[:200]}")
    raise InputError(f"{name}: {trt} cannot read this ONNX, {'; '.join(found[:3]) or 'and gives no reason'}.")


def _set_target(trt: TensorRT, config: trt_api.IBuilderConfig, options: PlanOptions) -> None:
    if not trt.member.ahead_of_time:
        return
    known = trt.api.ComputeCapability
    name = "CURRENT" if options.compute_capability is None else f"SM{options.compute_capability}"
    if not hasattr(known, name):
        targets = ", ".join(n[2:] for n in sorted(dir(known), key=lambda n: (len(n), n)) if n.startswith("SM"))
        raise InputError(
            f"--compute-capability {options.compute_capability}: {trt} builds for {targets}; other GPUs build their "
            "own plan from the ONNX."
        )
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(known, name), 0)


def _set_flags(trt: TensorRT, config: trt_api.IBuilderConfig, options: PlanOptions, *, is_static: bool) -> None:
    if trt.member.user_allocation and is_static:
        flag = getattr(trt.api.BuilderFlag, "REQUIRE_USER_ALLOCATION", None)  # TensorRT for RTX 1.2 and later
        if flag is not None:
            config.set_flag(flag)
    if options.workspace_mb is not None:
        config.set_memory_pool_limit(trt.api.MemoryPoolType.WORKSPACE, options.workspace_mb << 20)
    if options.version_compatible:
        config.set_flag(trt.api.BuilderFlag.VERSION_COMPATIBLE)
    if options.hardware_compatibility != "none":
        level = trt.api.HardwareCompatibilityLevel
        config.hardware_compatibility_level = getattr(level, options.hardware_compatibility.upper())
    if options.dla_core is not None:
        config.default_device_type = trt.api.DeviceType.DLA
        config.DLA_core = options.dla_core
        config.set_flag(trt.api.BuilderFlag.GPU_FALLBACK)  # a DLA cannot run all of a detector's last layers


def _set_profile(
    builder: trt_api.Builder,
    config: trt_api.IBuilderConfig,
    network: trt_api.INetworkDefinition,
    options: PlanOptions,
    name: str,
) -> tuple[int, int, int] | None:
    """Set and return the batch sizes of a model with a free batch dimension; None for a fixed batch."""
    images = network.get_input(0)
    fixed = next(iter(images.shape))
    if fixed >= 0:
        if options.batch_profile is not None:
            raise InputError(
                f"--dynamic-batch-profile: {name} has a fixed batch of {fixed}; export it with --dynamic-batch."
            )
        return None
    chosen = options.batch_profile or DEFAULT_PROFILE
    profile = builder.create_optimization_profile()
    profile.set_shape(images.name, *((batch, *tuple(images.shape)[1:]) for batch in chosen))
    config.add_optimization_profile(profile)
    return chosen


def _load_timing_cache(config: trt_api.IBuilderConfig, file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        content = read_file(file, "timing cache", "give another --timing-cache")
    except MissingFile:
        content = b""
    cache = config.create_timing_cache(content)
    if cache is not None and config.set_timing_cache(cache, ignore_mismatch=False):
        return hashlib.sha256(content).hexdigest() if content else None
    # TensorRT rejects a cache from another GPU or version; without an empty one it would not record this build.
    config.set_timing_cache(config.create_timing_cache(b""), ignore_mismatch=False)
    return None


def _save_timing_cache(config: trt_api.IBuilderConfig, file: Path | None) -> str | None:
    if file is None:
        return None
    content = bytes(config.get_timing_cache().serialize())
    write_whole(file, content)
    return hashlib.sha256(content).hexdigest()


def _tensor(tensor: trt_api.ITensor) -> Facts:
    kind = str(tensor.dtype).partition(".")[2].lower()
    return {"name": tensor.name, "dtype": DTYPES.get(kind, kind), "shape": list(tensor.shape)}
