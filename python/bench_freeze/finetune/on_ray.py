"""Trainings as Ray tasks: one task per group of arms that share a data order (per arm without sharing).

A task writes artifacts and progress files into the study's output folder, like a local training. That folder and the
data must therefore be on a file system that all nodes see under the same paths. This also makes a task repeatable: if
its worker dies, Ray starts it again, and it continues from the last border between two epochs. The driver trains
nothing; afterwards it finds the artifacts as if they had been made locally, under the same keys. With the same number
of threads on the same kind of processor they also have the same bytes. Without a cluster, one is started on this
machine with all of its GPUs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ..artifact import ArtifactStore
from ..config.training import ClusterOptions, TrainingOptions
from ..console import Step
from ..data.dataset import DetectionSet
from ..dualhead.checkpoint import Checkpoint
from ..errors import BenchFreezeError, InputError
from .arm import Arm
from .group import halved
from .held_out import HeldOut
from .ray_board import BoardWriter, open_board, show_board
from .training import fine_tune, no_epoch

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray.actor import ActorHandle

LOOK_EVERY_S = 1.0  # how often the progress is read
RETRIES = 3  # of a task whose worker died; errors of the training itself are not retried


@dataclass(frozen=True)
class Job:
    """One group of arms, with everything that a worker needs to train it."""

    training: TrainingOptions
    arms: tuple[Arm, ...]
    base: Checkpoint
    data: DetectionSet
    replay: DetectionSet | None
    folder: Path  # of the artifacts
    held_out: HeldOut | None = None

    @property
    def title(self) -> str:
        """The names of its arms, for messages."""
        return ", ".join(arm.name for arm in self.arms)


def train_on_ray(cluster: ClusterOptions, device: str, jobs: list[Job], on_job: Step) -> None:
    """Train all groups on the Ray cluster at `cluster.address`, or on one that is started here for the duration.

    On GPUs, groups are split until every GPU has one. Returns when all artifacts exist. Raises InputError if ray, the
    cluster or a requested GPU is missing. If trainings fail, raises the first error after all others have ended.
    """
    try:
        import ray
    except ImportError:
        raise InputError("executor = ray needs the package ray; pip install 'bench-freeze[ray]'.") from None
    started_here = not ray.is_initialized()
    if started_here:
        _connect(ray, cluster, _gpus_here(device))
    try:
        options = _resources(cluster, device)
        if device != "cpu":
            jobs = spread(jobs, _places(ray.cluster_resources().get("GPU", 0.0), cluster))
        task = ray.remote(max_retries=RETRIES, **options)(_train_job)
        board = open_board(ray)
        waiting = {task.remote(job, board, number): job for number, job in enumerate(jobs)}
        failed: list[BenchFreezeError] = []
        total = len(jobs)
        while waiting:
            ready, _ = ray.wait(list(waiting), num_returns=1, timeout=LOOK_EVERY_S)
            if not ready:
                show_board(ray, board, on_job)
                continue
            job = waiting.pop(ready[0])
            failure = _outcome(ray, ready[0], job)
            if failure is not None:
                failed.append(failure)
            on_job(total - len(waiting), total)
    finally:
        if started_here:
            ray.shutdown()
    if failed:
        raise failed[0]


def _train_job(job: Job, board: ActorHandle, number: int) -> tuple[str, str] | None:
    """Train on a worker. Errors are returned as (type, sentence), because Ray should retry only if a worker dies."""
    try:
        store = ArtifactStore(job.folder)
        fine_tune(
            job.training,
            list(job.arms),
            job.base,
            job.data,
            store,
            no_epoch,
            job.replay,
            BoardWriter(board, number),
            job.held_out,
        )
    except BenchFreezeError as error:
        return type(error).__name__, str(error)
    return None


def _outcome(ray: ModuleType, reference: ObjectRef, job: Job) -> BenchFreezeError | None:
    from .. import errors

    try:
        failure = ray.get(reference)
    except ray.exceptions.RayTaskError:  # an error of this program, with the worker's own traceback
        raise
    except ray.exceptions.RayError as error:
        reason = " ".join(str(error).split())[:300]
        return InputError(
            f"the training of {job.title} failed on Ray after {RETRIES} retries ({reason}); what it finished is kept, "
            "run the same command again."
        )
    if failure is None:
        return None
    kind, sentence = failure
    return getattr(errors, kind, BenchFreezeError)(sentence)


def spread(jobs: Sequence[Job], places: int) -> list[Job]:
    """Split the largest job in halves until there are as many jobs as places, or no job can be split further.

    Arms that share a GPU compute their common frozen layers only once, but that saves less than an idle GPU costs.
    """
    spread_out = list(jobs)
    while len(spread_out) < places:
        at = max(range(len(spread_out)), key=lambda i: len(spread_out[i].arms), default=-1)
        if at < 0 or len(spread_out[at].arms) == 1:
            break
        spread_out[at : at + 1] = (replace(spread_out[at], arms=tuple(half)) for half in halved(spread_out[at].arms))
    return spread_out


def _gpus_here(device: str) -> int:
    """The number of GPUs of this machine; 0 if the trainings run on a CPU."""
    if device == "cpu":
        return 0
    import torch

    return int(torch.cuda.device_count())


def _places(gpus: float, cluster: ClusterOptions) -> int:
    """How many trainings fit on the GPUs. Raises InputError if none does: Ray would wait forever for a GPU."""
    places = int(gpus / cluster.gpus_per_arm)
    if places < 1:
        raise InputError(
            f"gpus_per_arm = {cluster.gpus_per_arm:g}, and Ray has {gpus:g} GPUs; give --device cpu, or a cluster with "
            "GPUs by --address."
        )
    return places


def _connect(ray: ModuleType, cluster: ClusterOptions, gpus: int) -> None:
    """Join the cluster, or start one here with this machine's GPUs."""
    try:
        if cluster.address is not None:
            ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
        else:
            at_a_time = _places(gpus, cluster) if gpus else cluster.workers_per_node
            ray.init(
                num_cpus=at_a_time, num_gpus=gpus, include_dashboard=False, log_to_driver=False, logging_level="error"
            )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(
            f"no Ray cluster answers at {cluster.address} ({' '.join(str(error).split())[:200]}); start one with "
            "`ray start --head`, or leave --address out."
        ) from None


def _resources(cluster: ClusterOptions, device: str) -> dict[str, float]:
    """The resources of a task: one of a node's slots, and a share of a GPU if trainings run on GPUs."""
    if device == "cpu":
        return {"num_cpus": 1}
    return {"num_cpus": 1, "num_gpus": cluster.gpus_per_arm}
