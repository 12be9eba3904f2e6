"""A detector with the backbone of a model of another task: a classifier's, for example. Neck and head are a seed's."""

from __future__ import annotations

import hashlib

from .backbone import Backbone, fitting_layers, take_over
from .checkpoint import Checkpoint
from .layers import read_layer_map

SEED = 0  # of the neck and the head that are there before a training draws its own


def detector_with(source: Backbone, like: Checkpoint, names: tuple[str, str]) -> Checkpoint:
    """The layers of `like` with the backbone of `source`; everything else is drawn. `names` are for messages.

    A training draws neck and head anew from its own seed, as it does for every other source. Raises InputError where
    the backbone does not fit.
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
