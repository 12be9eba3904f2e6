"""How a row's model was trained, or that its checkpoint was given."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from .inputs import GivenCheckpoint
from .quantities import Count, Seconds
from .training_curves import TrainingCurves


class Training(Struct, frozen=True, kw_only=True):
    """The training that a row's model came from."""

    seconds: Annotated[
        Seconds | None,
        Meta(
            description="own work, plus an equal part of what arms in lockstep computed once; null for a given "
            "checkpoint"
        ),
    ]
    peak_bytes: Annotated[
        Count | None,
        Meta(description="of all arms in lockstep; CPU: the process's resident memory, CUDA: torch's tensors"),
    ]
    requested: dict[str, Any]
    effective: dict[str, Any]
    changed: Annotated[
        dict[str, tuple[Any, Any]], Meta(description="arguments that did not run as requested: [requested, effective]")
    ]
    head_init: str
    head_start: dict[str, Any]
    frozen_bn: str
    audit: Annotated[dict[str, Any], Meta(description="frozen tensors compared with the base checkpoint, bit for bit")]
    recipe: Annotated[
        dict[str, Any], Meta(description="options of the recipe and its stages: [epoch, frozen below]")
    ] = {}
    shared_with: Annotated[list[str], Meta(description="arms that trained in lockstep with this one")] = []
    given: Annotated[GivenCheckpoint | None, Meta(description="for a given checkpoint; null for a training")] = None
    curves: Annotated[
        TrainingCurves | None, Meta(description="epoch by epoch; null in older files and for a given checkpoint")
    ] = None
