"""The tensors that a model took from a checkpoint. Kept with the results, so that a partial load never goes
unnoticed."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from .quantities import Count


class TakeOver(Struct, frozen=True, kw_only=True):
    """Each tensor of the model is in `came` or `new`, each tensor of the checkpoint in `came` or `left`."""

    layers: Annotated[Count, Meta(description="layers 0 to layers-1 are the checkpoint's, weights and settings")]
    came: Annotated[list[str], Meta(description="tensors of the model that have the checkpoint's values")]
    new: Annotated[
        list[str], Meta(description="tensors of the model that the checkpoint lacks, initialised from the seed")
    ]
    left: Annotated[list[str], Meta(description="tensors of the checkpoint that the model does not have")]

    def sentence(self) -> str:
        """The account in numbers."""
        return f"{len(self.came)} tensors came, {len(self.new)} are new, {len(self.left)} were left"
