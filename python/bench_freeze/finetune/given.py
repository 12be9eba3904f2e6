"""Checkpoints that were trained elsewhere, kept as artifacts in the same form as those of our own trainings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

import msgspec

from ..artifact import Artifact, ArtifactStore
from ..config.bounds import LONGEST_TEXT
from ..dualhead.checkpoint import Checkpoint, save_checkpoint
from ..dualhead.descent import Descent, with_the_bases_digits
from ..results.inputs import GivenCheckpoint
from .arm import CHECKPOINT, KIND

METHOD = 1  # increases when the same file would give a different artifact
FROM_THE_FILE = "the checkpoint's train_args"
_MOST_ITEMS = 100


def keep_given(
    base: Checkpoint, tuned: Checkpoint, freeze: int, descent: Descent, facts: GivenCheckpoint, store: ArtifactStore
) -> Artifact:
    """Return the artifact of a given checkpoint at a freeze depth. Changes `tuned` in place: do not use it afterwards.

    The artifact holds `tuned.pt` in the file's precision. If the file had rounded the frozen layers, they get the
    base's full digits back. Its facts are those of a training, as far as the file states them.
    """
    inputs = {
        "given_sha256": tuned.sha256,
        "base_sha256": base.sha256,
        "freeze": freeze,
        "facts": msgspec.to_builtins(facts),
        "method": METHOD,
    }
    return store.produce(KIND, inputs, partial(_build, base, tuned, freeze, descent, facts))[0]


def _build(
    base: Checkpoint, tuned: Checkpoint, freeze: int, descent: Descent, facts: GivenCheckpoint, folder: Path
) -> dict[str, object]:
    from .audit import audit_frozen

    rounded = with_the_bases_digits(base, tuned, descent, freeze)
    policy = "train" if descent.drifted_below(freeze) else "eval"
    half = tuned.half and (base.half or freeze == 0)
    audit = audit_frozen(base.model, tuned.model, freeze, policy, half=half)  # type: ignore[arg-type]
    save_checkpoint(folder / CHECKPOINT, tuned.model, half=half)
    return {
        "seconds": None,
        "peak_bytes": None,
        "shared_with": [],
        "requested": {},
        "effective": training_arguments(tuned.train_args),
        "changed": {},
        "head_init": "not known",
        "frozen_bn": policy,
        "head_start": {},
        "audit": asdict(audit),
        "recipe": {},
        "given": msgspec.to_builtins(msgspec.structs.replace(facts, rounded=rounded)),
    }


def training_arguments(said: Mapping[str, object]) -> dict[str, object]:
    """What a file states about its training, as plain values, without paths, logging, export or prediction."""
    from .trainer import NOT_TRAINING

    return {
        name: value
        for name, value in said.items()
        if isinstance(name, str) and name.isidentifier() and name not in NOT_TRAINING and _is_plain(value)
    }


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return len(value) <= _MOST_ITEMS and all(not isinstance(v, list | tuple) and _is_plain(v) for v in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT and value.isprintable()
    return value is None or (isinstance(value, int) and abs(value) < 2**53)
