"""The branch of two-branch heads is one choice for the original and every tuned model, whatever their files ask for."""

import dataclasses

import numpy as np
import pytest
import torch
from ultralytics.nn.tasks import DetectionModel

from bench_freeze.deployment.deployment import Candidate
from bench_freeze.deployment.unchanged import compare_base_output
from bench_freeze.dualhead.checkpoint import load_checkpoint, save_checkpoint
from bench_freeze.dualhead.quiet import quiet_ultralytics
from bench_freeze.errors import InputError
from bench_freeze.finetune.head_init import with_new_head

pytestmark = pytest.mark.slow
NAMES = ("one", "two", "three")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("branches")


@pytest.fixture(params=["yolov10n", "yolo26n"])
def family(request):
    quiet_ultralytics()
    torch.manual_seed(0)
    return DetectionModel(f"{request.param}.yaml", nc=4, verbose=False).eval()


def checkpoint(model, folder, asks):
    """A file that asks for the one-to-one branch, or says nothing."""
    if asks:
        model.end2end = True
    save_checkpoint(folder / f"{asks}.pt", model, half=False)
    found = load_checkpoint(folder / f"{asks}.pt")
    assert found.model.end2end is asks
    return found


def candidates(base, branch):
    torch.manual_seed(1)
    model, _ = with_new_head(base.model, tuple("abcd"), NAMES, "name_remap")
    tuned = dataclasses.replace(base, model=model.eval(), class_names=NAMES)
    yield Candidate("original", base, head_branch=branch)
    for construction in ("branched", "grafted", "plain"):
        yield Candidate(construction, base, tuned, 12, branch)


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize(("branch", "kind"), [("one2many", "raw"), ("one2one", "detections")])
@torch.no_grad()
def test_every_model_of_a_study_answers_with_the_stated_branch(family, folder, asks, branch, kind):
    base = checkpoint(family, folder, asks)
    images = torch.rand(1, 3, 64, 64)
    reference = base.model
    reference.end2end = branch == "one2one"
    expected = reference(images)[0]
    reference.end2end = asks
    for candidate in candidates(base, branch):
        assert candidate.branch == branch
        assert {head.kind for head in candidate.card(64, 1).heads} == {kind}
        outputs = candidate.module()(images)
        assert [output.shape[-1] == 6 for output in outputs] == [kind == "detections"] * len(outputs)
        if candidate.construction == "original":
            # Random weights tie: scores are sorted, boxes follow them, so only the scores are compared.
            column = 4 if kind == "detections" else slice(4, None)
            pair = [o[..., column] if kind == "detections" else o[:, column] for o in (outputs[0], expected)]
            assert torch.allclose(*pair, atol=1e-4)
    assert base.model.end2end is asks  # the checkpoint itself is left as it is
    compare_base_output(list(candidates(base, branch))[1], 64, np.asarray(images))


def test_the_default_has_the_keys_of_before_but_for_files_that_ask(family, folder):
    """Earlier versions followed the file: what they kept of one that asks must not be found under the new default."""
    silent, asking = checkpoint(family, folder, False), checkpoint(family, folder, True)
    for before, base, branch in ((True, silent, "one2many"), (False, silent, "one2one"), (False, asking, "one2many")):
        for candidate in candidates(base, branch):
            keys = set(candidate.identity())
            assert (keys == {"graft_at", "base_sha256", "tuned_sha256"}) is before
            if not before:
                assert candidate.identity()["head_branch"] == branch


def test_a_head_with_one_branch_has_no_other(base):
    from bench_freeze.dualhead.branch import check_branch

    for candidate in (Candidate("original", base), Candidate("original", base, head_branch="one2many")):
        assert candidate.branch is None
        assert "head_branch" not in candidate.identity()
    check_branch(base.model, "one2many")
    with pytest.raises(InputError, match="has the branch one2many only"):
        check_branch(base.model, "one2one")


def test_the_commands_refuse_a_branch_that_is_not_there(embedded_data, tmp_path, capsys):
    from bench_freeze import cli

    weights, target, base = map(str, embedded_data)
    out = str(tmp_path / "out")
    study = ["run", "--weights", weights, "--target", target, "--base", base, "--out", out, "--imgsz", "64"]
    export = ["export", "--weights", weights, "--out", f"{out}.onnx", "--imgsz", "64"]
    for command in (study, export):
        assert cli.main([*command, "--head-branch", "one2one"]) == 2
        assert "head_branch = one2one is not possible" in capsys.readouterr().err
