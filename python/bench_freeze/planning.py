"""`run --plan`: validate the inputs as a run does, list the steps, and estimate their time. Measures no row."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

from .analysis.analyses import measure_findings
from .analysis.trained import Trained
from .artifact import Artifact
from .config.study import Study
from .console import Console
from .engines.availability import require_engine
from .errors import InputError
from .finetune.arm import Arm
from .output import output_folder
from .study.bench import Bench
from .study.estimate import cost_of, measure
from .study.inputs import read_inputs
from .study.plan import KINDS, Kind, Plan, counted, plan_of
from .study.race_plan import check_budget, names_of_racers, seconds_within, what_it_buys
from .study.training_images import decoding_note, held_out_notes


class PlannedKind(Struct, frozen=True, kw_only=True):
    """The steps of one kind. `seconds` covers the remaining ones; null if not estimated."""

    kind: str
    steps: int
    kept: int
    seconds: float | None
    basis: str | None


class PlannedArm(Struct, frozen=True, kw_only=True):
    """The steps of one arm, or of an original model: by kind, [all, kept]."""

    name: str
    steps: dict[str, list[int]]


class PlannedRun(Struct, frozen=True, kw_only=True):
    """What a run would do, and how long it would take."""

    out: str
    sentence: str
    kinds: list[PlannedKind]
    arms: list[PlannedArm]
    seconds: float | None
    not_estimated: list[str]
    disk_bytes: dict[str, float]
    free_bytes: int | None
    downloads: list[str]
    budget: list[str] = []  # with --budget: what it buys, in sentences; `seconds` are then limited by it
    whole_grid_seconds: float | None = None  # with --budget: the time to train all arms to the end
    is_whole: bool = True  # False: something must be downloaded first, so the steps are not known


def plan_run(study: Study, console: Console) -> PlannedRun:
    """Plan a run. Raises InputError for everything that the run would report before its first training.

    Writes only prepared inputs (embedded data, given checkpoints) into the output folder; the timed samples use a
    temporary folder.
    """
    for engine in study.deployment.engine:
        require_engine(engine, study.deployment.device)
    _require_trackers(study.output.log)
    downloads = missing_weights(study)
    if downloads:
        return _before_the_download(study, downloads)
    with output_folder(study.out_folder, console.warn) as store:
        every = read_inputs(study, store, console)
        check_budget(study, every)
        for warning in every[0].data_warnings:
            console.warn(warning)
        for note in held_out_notes(study, every[0].training):
            console.note(f"  {note}")
        with console.step("look up what is kept"):
            plan = plan_of(study, every, store, _findings)
        if plan.to_do("train"):
            console.note(f"  {decoding_note(study, every[0].training)}")
        found = measure(study, every, plan, console)
    base = every[0].base
    cost = cost_of(study, plan, found, parameters=sum(p.numel() for p in base.model.parameters()), half=base.half)
    buys = what_it_buys(study, every, cost.seconds.get("train"), _passes(plan))
    seconds = cost.seconds
    if buys is not None:
        seconds = seconds_within(buys, names_of_racers(study, every), plan, cost.seconds)
    kinds = [
        PlannedKind(
            kind=title,
            steps=len(plan.of_kind(kind)),
            kept=len(plan.of_kind(kind)) - len(plan.to_do(kind)),
            seconds=seconds.get(kind) if plan.to_do(kind) else 0.0,
            basis=cost.basis.get(kind),
        )
        for kind, title in KINDS.items()
        if plan.of_kind(kind)
    ]
    return PlannedRun(
        out=str(study.out_folder),
        sentence=plan.sentence(),
        kinds=kinds,
        arms=_by_arm(plan),
        seconds=sum(seconds.values()),
        not_estimated=_not_estimated(study, plan),
        disk_bytes={name: size for name, size in cost.bytes.items() if size},
        free_bytes=_free(study.out_folder),
        downloads=[],
        budget=[] if buys is None else buys.sentences(),
        whole_grid_seconds=None if buys is None else cost.total_s,
    )


def plan_lines(plan: PlannedRun) -> Iterator[str]:
    """The plan as text."""
    yield f"Plan of {plan.out}: {plan.sentence}"
    if plan.is_whole:
        yield ""
        yield f"  {'':<24}{'steps':>6}{'kept':>6}{'time':>10}   by"
        for one in plan.kinds:
            shown = "?" if one.seconds is None else _time(one.seconds)
            yield f"  {one.kind:<24}{one.steps:>6}{one.kept:>6}{shown:>10}   {one.basis or ''}".rstrip()
        is_less = plan.whole_grid_seconds is not None
        title = "together, by the budget" if is_less else "together"
        whole = f"   of {_time(plan.whole_grid_seconds or 0)} for all arms to their ends" if is_less else ""
        yield f"  {title:<24}{'':>12}{_time(plan.seconds or 0):>10}{whole}"
        if plan.not_estimated:
            yield f"  Not in it: {', '.join(plan.not_estimated)}."
        yield from (f"  {text}" for text in plan.budget)
        yield ""
        for arm in plan.arms:
            steps = (f"{n} {kind}" + (f" ({kept} kept)" if kept else "") for kind, (n, kept) in arm.steps.items())
            yield f"  {arm.name}: {', '.join(steps)}"
        yield ""
        sizes = [f"{name} {_size(size)}" for name, size in plan.disk_bytes.items()]
        free = "" if plan.free_bytes is None else f"; {_size(plan.free_bytes)} are free"
        yield f"  Disk: {', '.join(sizes) or 'nothing more'}{free}."
    yield f"  Downloads: {', '.join(plan.downloads) or 'none'}."


def _require_trackers(names: Sequence[str]) -> None:
    """Check that the trackers' packages are installed, without opening a tracker, which would start a run there."""
    for name in names:
        if find_spec(name) is None:
            raise InputError(
                f"--log {name} needs the package {name}; pip install 'bench-freeze[{name}]', or leave it out."
            )


def missing_weights(study: Study) -> list[str]:
    """Names of checkpoints that are not on disk, which Ultralytics would download in a run."""
    named = study.data.weights or ()
    return [name for name in named if not Path(name).is_file() and Path(name).parent == Path() and name.endswith(".pt")]


def _before_the_download(study: Study, downloads: list[str]) -> PlannedRun:
    return PlannedRun(
        out=str(study.out_folder),
        sentence=f"{', '.join(downloads)} is not on disk, and the steps depend on its content. Fetch it, or name a "
        "file, for the rest of the plan.",
        kinds=[],
        arms=[],
        seconds=None,
        not_estimated=[],
        disk_bytes={},
        free_bytes=_free(study.out_folder),
        downloads=[f"{name} (by Ultralytics, into the working folder)" for name in downloads],
        is_whole=False,
    )


def _findings(bench: Bench, arm: Arm, tuned: Artifact) -> object:
    return measure_findings(Trained.of(bench, arm, tuned))


def _by_arm(plan: Plan) -> list[PlannedArm]:
    found: dict[str, dict[Kind, list[int]]] = {}
    for work in plan.works:
        counts = found.setdefault(work.of, {}).setdefault(work.kind, [0, 0])
        counts[0] += 1
        counts[1] += bool(work.kept)
    return [
        PlannedArm(name=name, steps={counted(kind, n[0]): n for kind, n in steps.items()})
        for name, steps in found.items()
    ]


def _passes(plan: Plan) -> float:
    """The number of image passes in the trainings whose time was estimated."""
    return float(sum(len(group.arms) * group.images * group.epochs for group in plan.groups))


def _not_estimated(study: Study, plan: Plan) -> list[str]:
    left = [f"{len(plan.to_do('analyse'))} analyses"] if plan.to_do("analyse") else []
    left += [f"{plan.searches} trainings of the search for rates"] if plan.searches else []
    left += [f"{study.deployment.builds} plans of each model"] if "trt" in study.deployment.engine else []
    left += ["the looks at held-out images"] if study.training.holds_out else []
    return [*left, "statistics and the report"]


def _free(folder: Path) -> int | None:
    existing = next((parent for parent in (folder, *folder.absolute().parents) if parent.is_dir()), None)
    return None if existing is None else shutil.disk_usage(existing).free


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _size(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
