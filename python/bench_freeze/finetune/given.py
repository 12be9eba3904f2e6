"""A checkpoint that was trained elsewhere, kept as an artifact like a training's, in one form."""

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

METHOD = 1  # changes with what is kept of the same file
FROM_THE_FILE = "the checkpoint's train_args"
_MOST_ITEMS = 100


def keep_given(
    base: Checkpoint, tuned: Checkpoint, freeze: int, descent: Descent, facts: GivenCheckpoint, store: ArtifactStore
) -> Artifact:
    """The artifact of a given checkpoint at a freeze depth; `tuned` is changed in place and not to be used any more.

    It holds `tuned.pt` in the precision of the file, with the base's own digits in the frozen layers where the file had
    them rounded, and the facts that a training would have, as far as the file says them.
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
    """What a file says of its training, as plain values: no paths, no settings of logs, export or prediction."""
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
