"""Fine-tuned checkpoints given with `tuned`: find them, compare them with the base, and make them arms of a study."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..artifact import Artifact, ArtifactStore
from ..config.analysis import AnalysisSeeds
from ..config.deployment import Construction
from ..config.study import Study
from ..config.tuned import TunedEntry, tuned_entry
from ..console import Step
from ..data.classes import normalized
from ..dualhead.branch import check_branch
from ..dualhead.checkpoint import Checkpoint, load_checkpoint
from ..dualhead.descent import Descent, check_same_architecture, descent_of
from ..errors import InputError
from ..finetune.arm import Arm
from ..finetune.given import FROM_THE_FILE, keep_given
from ..results.inputs import GivenCheckpoint
from ..results.recipe import given_recipe
from .weights import Weights, unique_names

_SHOWN = 12  # classes listed in a message


@dataclass(frozen=True)
class GivenArm:
    """An arm whose checkpoint was given, not trained; `leads` marks the first run of its arm, which is analysed."""

    arm: Arm
    tuned: Artifact
    facts: GivenCheckpoint
    leads: bool

    def constructions(self, asked: Sequence[Construction]) -> tuple[Construction, ...]:
        """The constructions to build from it: those requested that are possible, otherwise plain."""
        return tuple(name for name in asked if name not in self.facts.left_out) or ("plain",)

    @property
    def descends(self) -> bool:
        """Whether it descends from the base, so that layers can be compared and exchanged."""
        return "grafted" not in self.facts.left_out

    def is_analysed(self, seeds: AnalysisSeeds) -> bool:
        """Whether it is analysed; a checkpoint that does not descend from the base has nothing to compare."""
        return self.descends and (self.leads or seeds == "all")

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences that a reader of its rows should know."""
        found = [f"{self.facts.file}: {reason}" for reason in dict.fromkeys(self.facts.left_out.values())]
        if self.facts.rounded:
            found.append(
                f"{self.facts.file}: layers {_ranges(range(self.arm.freeze))} are the base's in float16, so "
                "its rows use the base's own digits for them."
            )
        if self.facts.more_equal:
            equal = _ranges(range(self.facts.equal_layers))
            found.append(
                f"{self.facts.file}: freeze {self.arm.freeze} was stated, though layers {equal} are the base's; "
                "its rows use the depth that was stated."
            )
        return tuple(found)


@dataclass(frozen=True)
class _Read:
    """A file that was read and stored, before the arms are named."""

    entry: TunedEntry
    file: Path
    weights: Weights
    freeze: int
    seed: int
    facts: GivenCheckpoint
    tuned: Artifact


def read_given(
    study: Study, every: Sequence[Weights], names: tuple[str, ...], store: ArtifactStore, step: Step
) -> dict[str | None, tuple[GivenArm, ...]]:
    """The arms of the given checkpoints, by the name of the base checkpoint that each descends from.

    `names` are the target's classes. Raises InputError for a file that is missing or unreadable, that has a different
    architecture or different classes, or whose weights contradict the stated depth.
    """
    entries = [(entry, file) for entry in map(tuned_entry, study.training.tuned) for file in _files(entry)]
    read: list[_Read] = []
    for entry, file in entries:
        read.append(_read(study, every, names, entry, file, store))
        unique_names([one.file for one in read], [one.facts.sha256 for one in read], "tuned")
        step(len(read), len(entries))
    arms = _arms(read)
    return {weights.name: tuple(arm for arm in arms if arm.arm.weights == weights.name) for weights in every}


def no_common_seed(given: Iterable[GivenArm], trained: Sequence[int]) -> list[str]:
    """A sentence for each arm whose runs share no seed with the arms before it: arms are compared on common seeds."""
    found = []
    known = [("the trained depths", set(trained))] if trained else []
    runs: dict[Arm, set[int]] = {}
    for one in given:
        arm = Arm(one.arm.freeze, 0, one.arm.recipe, weights=one.arm.weights)
        runs.setdefault(arm, set()).add(one.arm.seed)
    for arm, seeds in runs.items():
        who = f"freeze {arm.freeze} {arm.recipe.name}"
        if known and not seeds & known[0][1]:
            found.append(
                f"{who} has seed {', '.join(map(str, sorted(seeds)))} and {known[0][0]} "
                f"{', '.join(map(str, sorted(known[0][1])))}, so their target accuracies are not compared; state seeds "
                "to pair them, DEPTH/SEED=FILE."
            )
        known.append((who, seeds))
    return found


def _files(entry: TunedEntry) -> list[Path]:
    if Path(entry.place).is_file():
        return [Path(entry.place)]
    matching = glob.glob(entry.place, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    found = [Path(name) for name in sorted(matching) if Path(name).is_file()]
    if not found:
        raise InputError(f"tuned: {entry.place}: there is no such checkpoint; give the path of a .pt file.")
    if len(found) > 1 and entry.seed is not None:
        raise InputError(
            f"tuned: {entry.text} matches {len(found)} files, which cannot all be seed {entry.seed}; give each a seed."
        )
    return found


def _read(
    study: Study,
    every: Sequence[Weights],
    names: tuple[str, ...],
    entry: TunedEntry,
    file: Path,
    store: ArtifactStore,
) -> _Read:
    try:
        tuned = load_checkpoint(file, trust=study.data.trust_checkpoint)
    except InputError as error:
        raise InputError(f"tuned: {error}") from None
    weights, descent = _base_of(tuned, every, str(file))
    base = weights.checkpoint
    _check_classes(tuned.class_names, names, str(file))
    try:
        check_branch(tuned.model, study.deployment.head_branch)
    except InputError as error:
        raise InputError(f"tuned: {file}: {error}") from None
    freeze = _depth(study, base, descent, entry, tuned, str(file))
    seed = entry.seed if entry.seed is not None else _said_seed(tuned, study.training.seeds[0])
    facts = GivenCheckpoint(
        file=str(file),
        sha256=tuned.sha256,
        precision="fp16" if tuned.half else "fp32",
        stated_freeze=entry.freeze,
        equal_layers=descent.deepest,
        more_equal=freeze < descent.shallowest,
        compared_as=descent.precision,
        drifted_layers=list(descent.drifted_below(freeze)),
        left_out=_left_out(descent, freeze, entry),
        arguments_from=FROM_THE_FILE if "epochs" in tuned.train_args else None,
    )
    kept = keep_given(base, tuned, freeze, descent, facts, store)
    facts = msgspec.convert(kept.facts["given"], GivenCheckpoint)
    return _Read(entry, file, weights, freeze, seed, facts, kept)


def _base_of(tuned: Checkpoint, every: Sequence[Weights], file: str) -> tuple[Weights, Descent]:
    """Of the base checkpoints with the same architecture, the one that shares the most layers with `tuned`."""
    found: list[tuple[Weights, Descent]] = []
    refused: list[InputError] = []
    for weights in every:
        if weights.checkpoint.sha256 == tuned.sha256:
            raise InputError(f"tuned: {file} is the base checkpoint itself; give one that was fine-tuned from it.")
        try:
            check_same_architecture(weights.checkpoint, tuned, (weights.name or "the base", file))
        except InputError as error:
            refused.append(error)
        else:
            found.append((weights, descent_of(weights.checkpoint, tuned)))
    if not found:
        raise InputError(f"tuned: {refused[0]}") from None
    return max(found, key=lambda one: one[1].deepest)


def _depth(study: Study, base: Checkpoint, descent: Descent, entry: TunedEntry, tuned: Checkpoint, file: str) -> int:
    said = tuned.train_args.get("freeze")
    said_depth = (said,) if isinstance(said, int) and not isinstance(said, bool) else ()
    found = descent.named_depth((*said_depth, *(study.training.freeze or ()), *base.layers.default_depths()))
    if entry.freeze is None:
        return found
    base.layers.check_depth(entry.freeze, f"tuned = {entry.text}: freeze")
    if entry.freeze > descent.deepest:
        equal = (
            f"layers 0 to {descent.deepest - 1} are equal, which is freeze {found}" if found else "no layer is equal"
        )
        raise InputError(
            f"tuned: {file} was not fine-tuned with freeze {entry.freeze}: {descent.differs} is not the base's"
            f"{' (compared as float16)' if descent.half else ''}; {equal}. Give another depth, or leave it out."
        )
    return entry.freeze


def _left_out(descent: Descent, freeze: int, entry: TunedEntry) -> dict[str, str]:
    if not descent.descends and entry.freeze is None:
        reason = (
            f"no layer of it is the base's ({descent.differs} differs), so it is measured as plain only; if it was "
            "fine-tuned from the base with nothing frozen, say so with 0=FILE."
        )
        return {"branched": reason, "grafted": reason}
    drifted = descent.drifted_below(freeze)
    if drifted:
        return {
            "branched": f"BatchNorm statistics of frozen layers {_ranges(drifted)} are not the base's: they drifted "
            "during its training. A branched model would not keep the base head's output, so none is made."
        }
    return {}


def _check_classes(own: tuple[str, ...], names: tuple[str, ...], file: str) -> None:
    if [normalized(name) for name in own] == [normalized(name) for name in names]:
        return
    if len(own) != len(names):
        raise InputError(
            f"tuned: {file} has {len(own)} classes ({_listed(own)}) and the target set {len(names)} "
            f"({_listed(names)}); give the checkpoint that was trained on these classes."
        )
    k = next(k for k, (a, b) in enumerate(zip(own, names, strict=True)) if normalized(a) != normalized(b))
    raise InputError(
        f"tuned: class {k} of {file} is '{own[k]}' and that of the target set '{names[k]}'; give the checkpoint "
        "that was trained on these classes, in this order."
    )


def _said_seed(tuned: Checkpoint, otherwise: int) -> int:
    said = tuned.train_args.get("seed")
    return said if isinstance(said, int) and not isinstance(said, bool) and 0 <= said < 2**32 else otherwise


def _arms(read: Sequence[_Read]) -> list[GivenArm]:
    """Runs of one depth with stated seeds form one arm; any other file of that depth is an arm of its own."""
    names = unique_names([one.file for one in read], [one.facts.sha256 for one in read], "tuned")
    at_depth = Counter((one.weights.name, one.freeze) for one in read)
    arms: list[GivenArm] = []
    for one, name in zip(read, names, strict=True):
        alone = one.entry.seed is not None or at_depth[one.weights.name, one.freeze] == 1
        recipe = given_recipe(None if alone else name)
        leads = not any(
            (a.arm.freeze, a.arm.recipe, a.arm.weights) == (one.freeze, recipe, one.weights.name) for a in arms
        )
        arms.append(GivenArm(Arm(one.freeze, one.seed, recipe, weights=one.weights.name), one.tuned, one.facts, leads))
    return arms


def _ranges(numbers: Iterable[int]) -> str:
    """Layer numbers as ranges: 0 to 9, 12."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" ..." if len(names) > _SHOWN else "")
