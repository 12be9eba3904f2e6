"""The graft ladder on a data set: base mAP for every k, and the proof that nothing changes up to the freeze depth."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

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
from .trained import Trained


class Ladder(Struct, frozen=True):
    """What the artifact keeps."""

    rungs: list[Rung]


def measure_ladder(trained: Trained) -> list[Rung]:
    """Base mAP at every rung, by torch on the study's device.

    Raises AuditError if the output at a rung up to the freeze depth differs from the original's in any bit: those
    layers are equal, so the construction would be wrong.
    """
    inputs, options = trained.inputs, trained.selection
    key = trained.key() | {
        "data_sha256": inputs.base_set.sha256,
        "left_out": [list(inputs.base_classes.left_out_classes), list(inputs.base_classes.left_out_categories)],
        "settings": options.key(),
        **branch_key(trained.head_branch, trained.inputs.base.model),
    }

    def build(_: Path, step: Step) -> Ladder:
        return Ladder(_climb(trained, options, step))

    return trained.kept_step(f"climb the ladder of {trained.name}", "ladder", key, build).value(Ladder).rungs


def _climb(trained: Trained, options: NmsOptions, step: Step) -> list[Rung]:
    import torch

    from ..dualhead.ladder import GraftLadder
    from ..dualhead.model import head_kind, prepare_for_inference

    inputs, device, exact_up_to = trained.inputs, trained.options.device, trained.exact_up_to
    branch = trained.head_branch
    base_model = prepare_for_inference(inputs.base.model, branch).to(device)
    ladder = GraftLadder(base_model, prepare_for_inference(load_tuned(trained.tuned).model, branch).to(device))
    head = Head("base", inputs.base.class_names, head_kind(base_model))  # type: ignore[arg-type]
    # Up to the freeze depth the outputs are checked to equal the original's, so they are not scored separately.
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
        Rung(k=k, map=accuracy.map, map50=accuracy.map50)
        for k in ladder.rungs
        for accuracy in (scored[k if k in scored else 0],)
    ]
