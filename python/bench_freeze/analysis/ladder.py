"""The graft ladder on a data set: base mAP for every k, and the proof that nothing changes up to the freeze depth."""

from __future__ import annotations

from pathlib import Path

from ..console import Step
from ..deployment.accuracy import score
from ..deployment.pipeline import Collector, image_boxes
from ..dualhead.branch import branch_key
from ..engines.base import Head
from ..engines.selection import select
from ..errors import AuditError
from ..finetune.arm import load_tuned
from ..kernels.nms_options import NmsOptions
from ..results.schema import Rung
from ..study.bench import nms_options
from .trained import Trained


def measure_ladder(trained: Trained) -> list[Rung]:
    """Base mAP at every rung, by torch on the study's device.

    Raises AuditError when a rung up to the freeze depth gives another output than the original, to the last bit: those
    layers are the same, so the construction would be wrong.
    """
    study, inputs = trained.study, trained.inputs
    options = nms_options(study)
    key = trained.key() | {
        "data_sha256": inputs.base_set.sha256,
        "left_out": [list(inputs.base_classes.left_out_classes), list(inputs.base_classes.left_out_categories)],
        "settings": options.key(),
        **branch_key(trained.study.head_branch, trained.inputs.base.model),
    }

    def build(_: Path, step: Step) -> dict[str, object]:
        return {"rungs": _climb(trained, options, step)}

    kept = trained.kept_step(f"climb the ladder of {trained.name}", "ladder", key, build)
    return [Rung(k=rung["k"], map=rung["map"], map50=rung["map50"]) for rung in kept.facts["rungs"]]


def _climb(trained: Trained, options: NmsOptions, step: Step) -> list[dict[str, object]]:
    import torch

    from ..dualhead.ladder import GraftLadder
    from ..dualhead.model import head_kind, prepare_for_inference

    inputs, device, exact_up_to = trained.inputs, trained.study.device, trained.exact_up_to
    branch = trained.study.head_branch
    base_model = prepare_for_inference(inputs.base.model, branch).to(device)
    ladder = GraftLadder(base_model, prepare_for_inference(load_tuned(trained.tuned).model, branch).to(device))
    head = Head("base", inputs.base.class_names, head_kind(base_model))  # type: ignore[arg-type]
    # Up to the freeze depth the outputs are asserted to be the original's, so they need no scoring of their own.
    collectors = {k: Collector() for k in ladder.rungs if k == 0 or k > exact_up_to}
    records = inputs.base_set.images
    for batch in trained.batches(records):
        with torch.inference_mode():
            original = None
            for k, output in ladder.outputs(torch.from_numpy(batch.images).to(device)):
                if k == 0:
                    original = output
                elif k <= exact_up_to and not torch.equal(output, original):
                    raise AuditError(
                        f"the ladder's rung k = {k} differs from the original model although layers 0 to {k - 1} were "
                        "frozen; please report it with your versions of torch and ultralytics."
                    )
                if k in collectors:
                    found = select(output.float().cpu().numpy(), head, options)
                    collectors[k].add(batch.start, found, image_boxes(found, batch.letterboxes))
        step(batch.start + len(batch.letterboxes), len(records))
    scored = {k: score(c.detections(), inputs.base_classes, inputs.base_set).accuracy for k, c in collectors.items()}
    return [
        {"k": k, "map": scored[k if k in scored else 0].map, "map50": scored[k if k in scored else 0].map50}
        for k in ladder.rungs
    ]
