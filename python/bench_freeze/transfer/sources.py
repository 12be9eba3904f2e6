"""The pre-trainings of a transfer: each is a backbone, with a record of the tensors that were taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..console import Step
from ..dualhead.backbone import Backbone, load_backbone, random_backbone
from ..dualhead.checkpoint import locate_weights
from ..dualhead.quiet import quiet_ultralytics
from ..errors import InputError
from ..results.take_over import TakeOver
from ..results.transfer import TransferSource
from ..study.weights import unique_names
from .request import SCRATCH, TransferRequest


@dataclass(frozen=True)
class Source:
    """One pre-training; random weights differ from seed to seed."""

    name: str
    given: str
    layers_of: Backbone  # its backbone; for random weights, the one whose layers they have
    like: str | None = None  # set for random weights

    def backbone(self, seed: int) -> Backbone:
        """The backbone for a seed; a checkpoint's is the same for all seeds."""
        return self.layers_of if self.like is None else random_backbone(self.layers_of, seed)

    def seed_of(self, seed: int, seeds: Sequence[int]) -> int:
        """The seed under which a seed's features are stored: for a checkpoint, always the first."""
        return seed if self.like is not None else seeds[0]

    def seeds_that_differ(self, seeds: Sequence[int]) -> tuple[int, ...]:
        """The seeds with features of their own."""
        return tuple(dict.fromkeys(self.seed_of(seed, seeds) for seed in seeds))

    def titled(self, seed: int) -> str:
        """The source's name in the progress display."""
        return self.name if self.like is None else f"{self.name} seed {seed}"

    def facts(self) -> TransferSource:
        """The source as the results record it, tensor by tensor."""
        backbone, is_random = self.layers_of, self.like is not None
        used = tuple(f"model.{k}." for k in range(backbone.end))
        every = list(backbone.model.state_dict())
        read = [name for name in every if name.startswith(used)]
        return TransferSource(
            name=self.name,
            file=None if is_random else self.given,
            sha256=None if is_random else backbone.sha256,
            task="random" if is_random else backbone.task,
            layers=list(backbone.kinds),
            like=self.like,
            taken=TakeOver(
                layers=0 if is_random else backbone.end,
                came=[] if is_random else read,
                new=read if is_random else [],
                left=[] if is_random else [name for name in every if name not in set(read)],
            ),
        )


def read_sources(request: TransferRequest, step: Step) -> tuple[Source, ...]:
    """Every source, in order. Random weights have the layers of the first checkpoint.

    Raises InputError for a checkpoint that is missing, unreadable or given twice, and for an image size that does not
    fit a source's stride.
    """
    quiet_ultralytics()
    given = [name for name in request.weights if name != SCRATCH]
    files = [locate_weights(name) for name in given]
    backbones: list[Backbone] = []
    for file in files:
        backbones.append(load_backbone(file, trust=request.trust_checkpoint))
        step(len(backbones), len(files))
    names = unique_names(files, [backbone.sha256 for backbone in backbones])
    if SCRATCH in names:
        raise InputError(f"--weights: a checkpoint is called {SCRATCH}, which stands for random weights; rename it.")
    found = {text: Source(name, text, own) for text, name, own in zip(given, names, backbones, strict=True)}
    first = found[given[0]]
    found[SCRATCH] = Source(SCRATCH, SCRATCH, first.layers_of, like=first.name)
    sources = tuple(found[text] for text in request.weights)
    for source in sources:
        if request.imgsz % source.layers_of.stride:
            raise InputError(
                f"--imgsz {request.imgsz} is not a multiple of the stride {source.layers_of.stride} of {source.name}; "
                f"give {max(1, round(request.imgsz / source.layers_of.stride)) * source.layers_of.stride}."
            )
    return sources


def check_depths(sources: Sequence[Source], request: TransferRequest) -> None:
    """Raise InputError for a freeze depth that a source lacks, or an image size too small for BatchNorm to train."""
    if request.tuning is None:
        return
    shallowest = min(sources, key=lambda source: source.layers_of.end)
    end = shallowest.layers_of.end
    for depth in request.tuning.depths:
        if depth > end:
            raise InputError(
                f"--freeze {depth}: the backbone of {shallowest.name} has layers 0 to {end - 1} only; give 0 to {end} "
                f"({end} freezes all of it)."
            )
    for source in sources:
        stride = source.layers_of.stride
        if request.imgsz <= stride:
            raise InputError(
                f"--imgsz {request.imgsz} leaves one position of the last map of {source.name}, too few for BatchNorm "
                f"to train on; give {2 * stride} or more."
            )


def unlike_layers(sources: Sequence[Source]) -> list[str]:
    """A sentence for each source whose layers differ from the first one's: a comparison then mixes both effects."""
    from ..dualhead.backbone import fitting_layers

    first = sources[0]
    notes = []
    for other in sources[1:]:
        try:
            common = fitting_layers(other.layers_of, first.layers_of, (other.name, first.name))
        except InputError:
            notes.append(
                f"{other.name} and {first.name} have different layers, so a difference between them mixes "
                "architecture and pre-training."
            )
            continue
        if not common == other.layers_of.end == first.layers_of.end:
            notes.append(
                f"{other.name} and {first.name} have layers 0 to {common - 1} in common; after those their layers "
                "differ by task, and each is read at its own last layer."
            )
    return notes
