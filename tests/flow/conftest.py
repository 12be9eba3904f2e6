"""Real small models for the flow tests: the embedded base detector and a head for other classes on it."""

import json
from pathlib import Path

import pytest
from tests.flow.studies import SHORT, bench_freeze


@pytest.fixture(scope="session")
def embedded_data(tmp_path_factory) -> tuple[Path, Path, Path]:
    """Weights, target yaml and base json of the embedded study, generated once."""
    from bench_freeze import demo

    return demo.prepare(tmp_path_factory.mktemp("embedded"))


@pytest.fixture(scope="session")
def base(embedded_data):
    """The embedded base checkpoint."""
    from bench_freeze.dualhead.checkpoint import load_checkpoint

    return load_checkpoint(embedded_data[0])


@pytest.fixture
def tuned_like(base):
    """Make a stand-in for a fine-tuned model: layers from `freeze` on are moved a little, the head is new."""
    import torch

    from bench_freeze.finetune.head_init import with_new_head

    def make(freeze):
        torch.manual_seed(freeze)
        model, _ = with_new_head(base.model, base.class_names, ("one", "two", "three"), "name_remap")
        with torch.no_grad():
            for layer in model.model[freeze:]:
                for name, parameter in layer.named_parameters():
                    if "dfl" not in name:  # a constant, frozen in every training
                        parameter.add_(torch.randn_like(parameter) * 0.02)
        return model.eval()

    return make


@pytest.fixture(scope="session")
def canvases():
    """Random images as a batch [2, 3, 160, 160]."""
    import torch

    return torch.rand(2, 3, 160, 160, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """One finished study: its folder and its results."""
    out = tmp_path_factory.mktemp("study") / "out"
    done = bench_freeze(*SHORT, "--out", out, "--construction", "branched,grafted,plain")
    assert done.returncode == 0, done.stderr
    return out, json.loads((out / "results.json").read_text()), done
