"""Estimate how long a planned run takes by trying a few real batches on this machine, in a temporary folder.

Three things are measured: some batches of each kind of training group with all its arms, the export of one model (the
one with the most layers of its own), and that model on some images. Everything else is computed from these, and the
estimate says so.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..artifact import ArtifactStore
from ..config.study import Study
from ..console import Console
from ..data.dataset import DetectionSet
from ..data.subset import keep_images, nested_order
from ..deployment.deployment import Candidate, Deployment
from ..deployment.pipeline import detect
from ..evaluate.match_file import MatchFile
from ..finetune.arm import Arm
from ..finetune.group import TrainingGroup, members_of
from ..finetune.progress import ProgressStore
from ..results.recipe import GRADUAL, LP_FT, STATIC
from .bench import DETECTIONS, Bench
from .inputs import Inputs
from .plan import Plan, Silent, TrainingGroupPlan
from .preflight import fresh_start

BATCHES, EPOCHS = 3, 3  # of each trial training; its first epoch, which starts workers, is not counted
IMAGES = 32  # on which the exported model is tried
MOST_GROUPS = 3  # kinds of training group to try


@dataclass(frozen=True)
class Measured:
    """Seconds of each kind of work; None where it was not tried because none of it is left to do."""

    training_s: dict[tuple[Arm, ...], tuple[float, float]]  # by group of arms: set-up, and per image of an epoch
    export_s: float | None
    image_s: float | None  # per image, from file to detections
    images: int  # on which the model ran
    model_bytes: int
    detections_bytes: float  # per image


@dataclass(frozen=True)
class Cost:
    """Seconds and bytes that a run still needs, by kind of step; an unknown kind is absent."""

    seconds: dict[str, float]
    bytes: dict[str, float]
    basis: dict[str, str]  # for the seconds: what was measured, what is computed

    @property
    def total_s(self) -> float:
        """Seconds of all known kinds."""
        return sum(self.seconds.values())


def measure(study: Study, every: Sequence[Inputs], plan: Plan, console: Console) -> Measured:
    """Try each kind of work that the plan still has to do. Writes only into a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="bench-freeze-plan-") as folder:
        store = ArtifactStore(Path(folder), console.warn)
        training_s: dict[tuple[Arm, ...], tuple[float, float]] = {}
        for group in plan.groups:
            kind = _kind(group)
            if kind not in training_s and len(training_s) < MOST_GROUPS:
                with console.step(f"try {BATCHES * EPOCHS} batches of {len(kind)} arm(s)"):
                    training_s[kind] = _try_training(study, group, store)
        if not (plan.to_do("deploy") or plan.to_do("run") or plan.to_do("time")):
            return Measured(training_s, None, None, 0, 0, 0.0)
        with console.step("try an export and some images"):
            return _try_deployment(study, every[0], training_s, store)


def cost_of(study: Study, plan: Plan, found: Measured, *, parameters: int, half: bool) -> Cost:
    """The cost of the remaining work, from the measurements.

    `parameters` is the number of weights of the base checkpoint, and `half` says whether it is stored in float16.
    """
    seconds: dict[str, float] = {}
    basis: dict[str, str] = {}
    if plan.groups:
        seconds["train"] = sum(_group_s(group, found) for group in plan.groups)
        tried = len({_kind(group) for group in plan.groups} & found.training_s.keys())
        basis["train"] = (
            f"{BATCHES * (EPOCHS - 1)} batches of {tried} group(s) of arms, scaled to all images and epochs"
        )
        if any(arm.recipe in (LP_FT, GRADUAL) for group in plan.groups for arm in group.arms):
            basis["train"] += "; staged recipes count as in their last stage, an upper estimate"
    deploys, runs, times = plan.to_do("deploy"), plan.to_do("run"), plan.to_do("time")
    if found.export_s is not None and deploys:
        seconds["deploy"] = found.export_s * len(deploys)
        basis["deploy"] = "one export, times the number of models; plans and other precisions not included"
    if found.image_s is not None:
        seconds["run"] = found.image_s * sum(work.units for work in runs)
        basis["run"] = f"the same model on {found.images} images, scaled to all images; smaller models take less"
        rule, scopes = study.timing, 2
        calls = rule.latency_samples * found.image_s * study.deployment.batch
        # Both scopes, and the rounds that compare rows, which are the engine's alone.
        seconds["time"] = len(times) * (scopes + 1) * min(rule.latency_seconds, calls)
        basis["time"] = "samples times the same model's time per batch, at most latency_seconds per scope"
    values = 2 if half else 4
    return Cost(
        seconds,
        {
            "tuned checkpoints": len(plan.to_do("train")) * parameters * values,
            "exported models": sum(how != "torch" for how, _ in study.deployment.forms)
            * len(deploys)
            / len(study.deployment.forms)
            * found.model_bytes,
            "detections": found.detections_bytes * sum(work.units for work in runs),
            "while it trains": max((len(group.arms) for group in plan.groups), default=0) * parameters * 16,
        },
        basis,
    )


def _kind(group: TrainingGroupPlan) -> tuple[Arm, ...]:
    """A group's arms without what does not change the cost: seed, share, and stages (the last stage is tried)."""
    arms = (replace(arm, seed=0, data_fraction=1.0, lr0=None) for arm in group.arms)
    return tuple(dict.fromkeys(replace(arm, recipe=STATIC) if arm.recipe in (LP_FT, GRADUAL) else arm for arm in arms))


def _group_s(group: TrainingGroupPlan, found: Measured) -> float:
    own = found.training_s.get(_kind(group))
    if own is None:  # a kind that was not tried: assume the average per arm
        arms = sum(len(kind) for kind in found.training_s)
        set_up = sum(s for s, _ in found.training_s.values()) / arms
        image = sum(s for _, s in found.training_s.values()) / arms
        own = set_up * len(group.arms), image * len(group.arms)
    return own[0] + own[1] * group.images * group.epochs


def _try_training(study: Study, planned: TrainingGroupPlan, store: ArtifactStore) -> tuple[float, float]:
    from ..dualhead.quiet import quiet_ultralytics

    quiet_ultralytics()
    from ..finetune.lockstep import train_group

    inputs = planned.inputs
    wanted = BATCHES * study.training.train_batch
    data = keep_images(inputs.training, nested_order(inputs.training, 0)[:wanted].tolist())
    training = replace(study.training, epochs=EPOCHS)
    members = members_of(training, _kind(planned), inputs.base, data, inputs.replay)
    borders = [time.perf_counter()]
    group = TrainingGroup(training, inputs.base, data, tuple(members))
    progress = ProgressStore(store.folder, store.warn)
    train_group(group, store, progress, lambda done, total: borders.append(time.perf_counter()))
    an_epoch = (borders[-1] - borders[1]) / (EPOCHS - 1)
    return max(0.0, borders[1] - borders[0] - an_epoch), an_epoch / len(data.images)


def _try_deployment(
    study: Study, inputs: Inputs, training_s: dict[tuple[Arm, ...], tuple[float, float]], store: ArtifactStore
) -> Measured:
    """Try the model of this study with the most layers of its own, with the head that a training starts from."""
    depths = study.training.depths(inputs.base.layers.default_depths()) or tuple(g.arm.freeze for g in inputs.given)
    constructions = study.deployment.construction
    construction = next((name for name in ("branched", "grafted") if name in constructions), "plain")
    tuned = fresh_start(study.training, inputs.base, inputs.target.class_names)
    candidate = Candidate(construction, inputs.base, tuned, min(depths, default=0), study.deployment.head_branch)
    engine, precision = study.deployment.forms[0]
    bench = Bench(study, inputs, store, MatchFile(), {}, Silent(plain=True))
    began = time.perf_counter()
    deployment = bench.deploy(candidate, engine, precision, construction)
    export_s = time.perf_counter() - began
    try:
        image_s, detections = _try_images(bench, deployment, store)
    finally:
        deployment.close()
    images = len(_some(inputs.target).images)
    return Measured(training_s, export_s, image_s, images, deployment.size_bytes, detections)


def _try_images(bench: Bench, deployment: Deployment, store: ArtifactStore) -> tuple[float, float]:
    from ..deployment.pipeline import save_detections

    data, batch, workers = _some(bench.inputs.target), bench.study.deployment.batch, bench.study.deployment.workers
    engine = deployment.engine()
    detect(engine, _some(data, batch), bench.selection, batch=batch, workers=workers)  # warm-up
    began = time.perf_counter()
    found = detect(engine, data, bench.selection, batch=batch, workers=workers)
    seconds = time.perf_counter() - began
    with store.scratch("detections") as folder:
        save_detections(folder / DETECTIONS, found)
        size = (folder / DETECTIONS).stat().st_size
    return seconds / len(data.images), size / len(data.images)


def _some(data: DetectionSet, count: int = IMAGES) -> DetectionSet:
    return keep_images(data, range(min(count, len(data.images))))
