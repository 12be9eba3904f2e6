"""Checkpoints that tests write, and what is to be said of those that are refused."""

import pytest

from bench_freeze.dualhead.checkpoint import load_checkpoint
from bench_freeze.errors import InputError


def saved(folder, model, **parts):
    import torch

    torch.save({"model": model, **parts}, folder / "given.pt")
    return folder / "given.pt"


def refused(file, *parts):
    with pytest.raises(InputError) as error:
        load_checkpoint(file)
    assert str(error.value).startswith(str(file))
    for part in parts:
        assert part in str(error.value)


def check_equal(found, expected, size=96):
    import torch

    ours, theirs = found.state_dict(), expected.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    assert torch.equal(found(images)[0], expected(images)[0])
