"""One arm inside the training loop: what Ultralytics' loop does for a batch and at the start and end of an epoch.

Given the same batches, a trainee gives the same numbers as Ultralytics' own loop, bit for bit: the same operations on
the same tensors in the same order (warm-up, accumulation, clipping, moving average), only split into methods so that
several arms can take turns on one batch. The loop's other features (validation, plots, a smaller batch after running
out of memory, a time limit) are left out, because they would change what an arm is.
"""

from __future__ import annotations

import time
import warnings
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor, nn
from ultralytics.utils.torch_utils import unwrap_model

from ..config.recipe import Stage
from ..dualhead.model import LayerOutput, run_layers
from ..errors import BenchFreezeError
from ..finite import all_finite
from .course import Course
from .data_order import generator_states
from .progress import TraineeState
from .trainer import FreezeTrainer
from .training_data import Batch

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}
CARRIED = ["yaml", "nc", "args", "names", "stride", "class_weights"]  # attributes that the moving average copies


class Trainee:
    """The state of one arm's training: model, optimizer, schedule, moving average, and position."""

    def __init__(self, name: str, trainer: FreezeTrainer, stages: tuple[Stage, ...]) -> None:
        trainer._setup_train()
        self.generators = generator_states(cuda=trainer.device.type == "cuda")  # as at the start of Ultralytics' loop
        self.name = name
        self.recipe_facts: dict[str, object] = {}
        self.resting: dict[str, Tensor] = {}  # masks of filters that keep the base's values, by parameter name
        self.trainer = trainer
        self.freeze = stages[-1].depth
        self.depth = stages[0].depth  # layers 0..depth-1 are frozen in the current epoch
        self.stages = stages
        self.seconds = 0.0  # spent on this arm
        self.log: list[dict[str, float]] = []  # one row per finished epoch
        self.course: Course | None = None  # set for an arm that is scored while it trains
        self._batches = len(trainer.train_loader)
        self._warmup = trainer._get_warmup_iterations(self._batches)
        self._nominal_accumulate = trainer.accumulate
        self._last_step = -1
        self._loss = torch.zeros(())
        self._mean_losses: dict[str, Tensor] = {}
        self.start = {name: p.detach().cpu().clone() for name, p in self.detector.named_parameters()}  # for the audit
        trainer.optimizer.zero_grad()

    @property
    def detector(self) -> nn.Module:
        """The model in training."""
        model: nn.Module = unwrap_model(self.trainer.model)
        return model

    @property
    def shared_depth(self) -> int:
        """The number of first layers that now equal the base's in values and statistics, so any arm can run them."""
        return self.depth if self.trainer.keeps_frozen_statistics else 0

    @property
    def is_sound(self) -> bool:
        """Whether the loss, weights and moments are finite. Gradients are not checked: scaled ones may overflow."""
        moments = (value for state in self.trainer.optimizer.state.values() for value in state.values())
        tensors = (*self.detector.state_dict().values(), *self.trainer.ema.ema.state_dict().values(), *moments)
        return bool(torch.isfinite(self._loss)) and all_finite(tensors)

    @property
    def has_stopped(self) -> bool:
        """Whether patience ended this arm before the last epoch."""
        return self.course is not None and self.course.stopped

    def average(self) -> dict[str, Tensor]:
        """The tensors of the moving average that training changes."""
        return self._moving(self.trainer.ema.ema.state_dict())

    def take_best(self) -> None:
        """With keep = best, make the best epoch's moving average the result."""
        if self.course is not None and self.course.best_average is not None:
            self.trainer.ema.ema.load_state_dict(self.course.best_average, strict=False)

    def precision(self) -> AbstractContextManager[None]:
        """The autocast context for forward passes: mixed precision as the arguments state."""
        dtype = AUTOCAST.get(str(self.trainer.args.amp))
        context: AbstractContextManager[None] = torch.autocast(
            self.trainer.device.type, dtype=dtype, enabled=dtype is not None
        )
        return context

    def begin_epoch(self, epoch: int) -> None:
        """Set the learning rates and module modes of an epoch, counted from 0."""
        self.trainer.epoch = epoch
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the scheduler is stepped before the optimizer, as Ultralytics does
            self.trainer.scheduler.step()
        if len(self.stages) > 1:
            self.depth = next(stage.depth for stage in reversed(self.stages) if epoch >= stage.epoch)
            self.trainer.freeze_below(self.depth)
        self.trainer._model_train()

    def train_batch(self, i: int, epoch: int, batch: Batch, trunk: dict[int, Tensor]) -> None:
        """Run forward and backward and, if enough batches have accumulated, one step. `trunk`: outputs by layer."""
        began = time.perf_counter()
        trainer = self.trainer
        iteration = i + self._batches * epoch
        if self._warmup and iteration <= self._warmup:
            self._warm_up(iteration, epoch)
        self._warm_up_unfrozen(iteration, epoch)
        with self.precision():
            loss, items = self.losses(batch, trunk)
            self._loss = loss.sum()
            self._mean_losses = {
                name: (self._mean_losses[name] * i + value) / (i + 1) if i else value for name, value in items.items()
            }
        trainer.scaler.scale(self._loss).backward()
        if iteration - self._last_step >= trainer.accumulate:
            trainer.optimizer_step()
            self._last_step = iteration
        self.seconds += time.perf_counter() - began

    def standing(self) -> str:
        """The mean losses of this epoch so far, as text. On a GPU this waits for the last batch."""
        means = {name.removesuffix("_loss"): float(value) for name, value in self._mean_losses.items()}
        parts = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
        return f"loss {sum(means.values()):.3f} ({parts})"

    def losses(self, batch: Batch, trunk: dict[int, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The detection loss and its parts, from this arm's own layers on the shared ones' outputs."""
        predictions = run_own_layers(self.detector, self.shared_depth, batch["img"], trunk)
        loss, items = self.detector.loss(batch, predictions)
        return loss, items

    def end_epoch(self, epoch: int) -> None:
        """Do the bookkeeping of a finished epoch. Raises BenchFreezeError if the loss is no longer finite."""
        trainer = self.trainer
        if hasattr(self.detector.criterion, "update"):
            self.detector.criterion.update()
        trainer.ema.update_attr(trainer.model, include=CARRIED)
        rates = {f"lr/pg{k}": group["lr"] for k, group in enumerate(trainer.optimizer.param_groups)}
        losses = {f"train/{name}": float(value) for name, value in self._mean_losses.items()}
        highest = max(g["lr"] for g in trainer.optimizer.param_groups if g.get("param_group") != "bias")
        self.log.append({"epoch": epoch + 1, "time": self.seconds, **losses, **rates, "lr": highest})
        if not torch.isfinite(self._loss):
            raise BenchFreezeError(
                f"the training loss of {self.name} became {float(self._loss)} in epoch {epoch + 1}; lower lr0 (now "
                f"{trainer.args.lr0}) or look for wrong labels."
            )

    def state(self) -> TraineeState:
        """Everything that the next epoch depends on. Frozen tensors are left out: a new set-up creates them again."""
        trainer = self.trainer
        criterion = self.detector.criterion
        return {
            "model": self._moving(self.detector.state_dict()),
            "average": self.average(),
            "average_updates": trainer.ema.updates,
            "optimizer": trainer.optimizer.state_dict(),
            "gradients": {n: p.grad for n, p in self.detector.named_parameters() if p.grad is not None},
            "scheduler": trainer.scheduler.state_dict(),
            "scaler": trainer.scaler.state_dict(),
            "criterion_updates": getattr(criterion, "updates", None),
            "accumulate": trainer.accumulate,
            "last_step": self._last_step,
            "seconds": self.seconds,
            "log": self.log,
            "course": None if self.course is None else self.course.state(),
        }

    def restore(self, state: TraineeState) -> None:
        """Continue from a `state()` of the same arm."""
        trainer = self.trainer
        self.detector.load_state_dict(state["model"], strict=False)
        trainer.ema.ema.load_state_dict(state["average"], strict=False)
        trainer.ema.updates = state["average_updates"]
        trainer.optimizer.load_state_dict(state["optimizer"])
        for name, parameter in self.detector.named_parameters():
            kept = state["gradients"].get(name)
            parameter.grad = None if kept is None else kept.to(parameter.device)
        trainer.scheduler.load_state_dict(state["scheduler"])
        trainer.scaler.load_state_dict(state["scaler"])
        if state["criterion_updates"]:  # heads with two branches weight their losses by epoch
            self.detector.criterion = self.detector.init_criterion()
            self.detector.criterion.updates = state["criterion_updates"] - 1
            self.detector.criterion.update()
        trainer.accumulate = state["accumulate"]
        self._last_step, self.seconds, self.log = state["last_step"], state["seconds"], list(state["log"])
        if self.course is not None and (course := state.get("course")) is not None:
            self.course.restore(course)

    def _moving(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        frozen = tuple(f"model.{k}." for k in range(self.freeze)) if self.trainer.keeps_frozen_statistics else ()
        return {name: tensor for name, tensor in tensors.items() if not frozen or not name.startswith(frozen)}

    def _warm_up(self, iteration: int, epoch: int) -> None:
        """Ultralytics' warm-up: the biases' rate falls to its value, the others rise from 0; accumulation grows."""
        trainer = self.trainer
        span = [0, self._warmup]
        trainer.accumulate = max(1, int(np.interp(iteration, span, [1, self._nominal_accumulate]).round()))
        for group in trainer.optimizer.param_groups:
            if group.get("begins", 0):
                continue
            start = trainer.args.warmup_bias_lr if group.get("param_group") == "bias" else 0.0
            group["lr"] = float(np.interp(iteration, span, [start, group["initial_lr"] * trainer.lf(epoch)]))
            if "momentum" in group:
                momenta = [trainer.args.warmup_momentum, trainer.args.momentum]
                group["momentum"] = float(np.interp(iteration, span, momenta))

    def _warm_up_unfrozen(self, iteration: int, epoch: int) -> None:
        """Warm up groups that a later stage unfreezes from rate 0, because new moments make the first steps large."""
        for group in self.trainer.optimizer.param_groups:
            since = iteration - group.get("begins", 0) * self._batches
            if group.get("begins", 0) and 0 <= since <= self._warmup:
                target = group["initial_lr"] * self.trainer.lf(epoch)
                group["lr"] = float(np.interp(since, [0, self._warmup], [0.0, target]))


def run_own_layers(detector: nn.Module, depth: int, images: Tensor, trunk: dict[int, Tensor]) -> LayerOutput:
    """Run layers `depth`.. of a detector on the outputs of layers 0..depth-1, which `trunk` holds by number."""
    below = {layer: output for layer, output in trunk.items() if layer < depth}
    return run_layers(detector.model[depth:], below.get(depth - 1, images), below, frozenset(detector.save))


def run_trunk(detector: nn.Module, depth: int, images: Tensor, kept: frozenset[int]) -> dict[int, Tensor]:
    """Run layers 0..depth-1 without gradients. Returns the outputs in `kept` and those that a later layer reads."""
    outputs: dict[int, Tensor] = {}
    with torch.no_grad():
        run_layers(detector.model[:depth], images, outputs, kept | frozenset(detector.save))
    return outputs
