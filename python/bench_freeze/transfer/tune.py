"""One fine-tuning: the loop, then the audit that frozen layers stayed and all others moved."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..console import Step
from ..dualhead.backbone import Backbone
from ..errors import InputError
from ..finetune.audit import audit_frozen, audit_trained
from .course import Course
from .fine_tuning import READER_LR, WEIGHT_DECAY, FineTuning
from .sources import Source
from .trainee import Layers, LinearReader, Rows
from .training_images import TrainingImages


@dataclass(frozen=True)
class Tuned:
    """What came out of a fine-tuning, on the CPU: the backbone's trained form and its reader, in eval mode."""

    backbone: Backbone
    reader: LinearReader
    course: Course


def start_of(source: Source, data: TrainingImages, device: str) -> Backbone:
    """The backbone that a fine-tuning begins with.

    A checkpoint's is as it was. Random weights have no BatchNorm statistics, and without them the outputs shrink from
    layer to layer until nothing can be learned from them. So theirs are measured over the training images.
    """
    backbone = source.backbone(data.seed)
    if source.like is None:
        return backbone
    layers = Layers(backbone, 0).to(device)
    layers.measure_statistics(data.at_the_start(), device)
    return replace(backbone, model=layers.cpu().eval())


def fine_tune(
    backbone: Backbone,
    freeze: int,
    classes: int,
    rows_of: Rows,
    data: TrainingImages,
    tuning: FineTuning,
    device: str,
    step: Step,
) -> Tuned:
    """Train layers freeze.. and a reader of so many classes. The weights of the last step are the result.

    Raises InputError where the loss is not finite, AuditError where a frozen tensor moved or a layer did not train.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(data.seed)  # for a layer that draws: none of Ultralytics' backbones does
        before, layers = Layers(backbone, freeze), Layers(backbone, freeze).to(device).train()
        mean, deviation = layers.scale(data.at_the_start(), rows_of, device)
        reader = LinearReader(mean, deviation, classes, data.seed).to(device)
        losses = _train(layers, reader, rows_of, data, tuning, device, step)
        layers.measure_statistics(data.as_scored(), device)
    layers, reader = layers.cpu().eval(), reader.cpu().eval()
    frozen = audit_frozen(before, layers, freeze, "eval", half=False)
    moved = audit_trained(dict(before.named_parameters()), layers, freeze)
    course = Course(
        steps=tuning.epochs * data.steps,
        losses=losses,
        frozen=frozen.parameters + frozen.buffers,
        trained=moved.trained,
        still=moved.still,
    )
    return Tuned(replace(backbone, model=layers), reader, course)


def _train(
    layers: Layers,
    reader: LinearReader,
    rows_of: Rows,
    data: TrainingImages,
    tuning: FineTuning,
    device: str,
    step: Step,
) -> list[float]:
    """The mean loss of each epoch."""
    steps, done = tuning.epochs * data.steps, 0
    optimizer = torch.optim.AdamW([*_groups(layers, tuning.lr0), *_groups(reader, READER_LR * tuning.lr0)])
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda at: tuning.factor(at, steps))
    losses = []
    for epoch in range(tuning.epochs):
        found = []
        for images, targets in data.epoch(epoch):
            wanted = torch.as_tensor(targets).to(device).permute(0, 2, 3, 1).flatten(0, 2)
            logits = reader(rows_of(layers(torch.as_tensor(images).to(device))))
            loss = cross_entropy(logits, wanted)
            if not bool(torch.isfinite(loss)):
                raise InputError(
                    f"the loss is no longer a number in epoch {epoch + 1} with freeze = {layers.freeze}; give a lower "
                    f"--lr0 than {tuning.lr0:g}."
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            found.append(loss.item())
            done += 1
            step(done, steps)
        losses.append(sum(found) / len(found))
    return losses


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean over what is scored of rows: `targets` [R, K] are shares of classes, 0 where nothing is."""
    logs = nn.functional.log_softmax(logits, dim=1)
    loss: Tensor = -(targets * logs).sum() / targets.sum().clamp_min(1e-6)
    return loss


def _groups(module: nn.Module, lr: float) -> list[dict[str, object]]:
    """AdamW's groups of what trains: filters and matrices decay, biases and norms do not."""
    training = [parameter for parameter in module.parameters() if parameter.requires_grad]
    found = [
        ([own for own in training if own.dim() > 1], WEIGHT_DECAY),
        ([own for own in training if own.dim() <= 1], 0.0),
    ]
    return [{"params": own, "lr": lr, "weight_decay": decay} for own, decay in found if own]
