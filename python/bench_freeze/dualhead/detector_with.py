"""A detector with the backbone of another task's model, such as a classifier, and a randomly drawn neck and head."""

from __future__ import annotations

import hashlib

from .backbone import Backbone, fitting_layers, take_over
from .checkpoint import Checkpoint
from .layers import read_layer_map

SEED = 0  # for the neck and head, until a training draws its own


def detector_with(source: Backbone, like: Checkpoint, names: tuple[str, str]) -> Checkpoint:
    """Build a detector with the layers of `like` and the backbone of `source`; all other weights are drawn at random.

    A training draws neck and head again from its own seed, as it does for every other source. `names` are those of
    source and detector, for messages. Raises InputError if the backbone does not fit.
    """
    import torch

    from .new_head import with_random_weights

    into = Backbone(like.model, like.layers.backbone_end, "detect", like.sha256, like.layers.stride)
    layers = fitting_layers(source, into, names)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = with_random_weights(like.model, len(like.class_names))
    taken = take_over(source, model, layers)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    identity = hashlib.sha256(f"{source.sha256} {like.architecture} {layers}".encode()).hexdigest()
    return Checkpoint(
        model.eval(), read_layer_map(model), like.class_names, identity, half=False, taken=taken, like=like
    )
