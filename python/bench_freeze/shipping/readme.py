"""The README.md of a shipped folder: what the model is, what was measured, and snippets that run in the folder."""

from __future__ import annotations

from collections.abc import Iterator

from ..results.schema import Results
from ..results.shipped import MODEL_JSON, Shipped
from ..text.markdown import markdown, markdown_cell
from .choose import Chosen

SNIPPET = """\
import bench_freeze

model = bench_freeze.load(".", conf="best")  # this folder; "best": the thresholds of best F1 in model.json
for head, found in model("image.jpg").items():
    for name, score, box in zip(found.names, found.scores, found.boxes_xyxy):
        print(head, name, f"{score:.2f}", box.round(1).tolist())
"""
YOLO_SNIPPET = """\
from ultralytics import YOLO

result = YOLO("tuned.pt").predict("image.jpg", imgsz={imgsz}, conf={conf:.2f}, iou={iou:g})[0]
print(result.boxes.xyxy, result.boxes.conf, [result.names[int(k)] for k in result.boxes.cls])
"""


def readme(shipped: Shipped, results: Results, chosen: Chosen) -> str:
    """The text of the README as Markdown, with names of data sets and classes escaped."""
    parts = [
        f"# {markdown(shipped.row)}",
        " ".join(_what(shipped, results, chosen)),
        "## Use it",
        "In this folder, with an `image.jpg` in it:",
        f"```python\n{SNIPPET}```",
        "```sh\nbench-freeze predict . image.jpg\n```",
        _needs(shipped),
        "The tuned detector alone, with its new head, in Ultralytics, which keeps only the best class of a box:",
        f"```python\n{YOLO_SNIPPET.format(imgsz=shipped.imgsz, conf=_conf(shipped), iou=_iou(shipped))}```",
        "## Files",
        "\n".join(_files(shipped)),
        "## Measured",
        f"The study: {markdown(results.about).rstrip('.')}.",
        "\n".join(_numbers(shipped, results)),
        "## Heads and thresholds",
        "Detections of a class are kept from this score upwards, where F1 was highest at IoU 0.50 on the images named. "
        "Since it was chosen on those images, expect a slightly lower F1 on others.",
        *_heads(shipped, results),
    ]
    return "\n\n".join(parts) + "\n"


def _what(shipped: Shipped, results: Results, chosen: Chosen) -> Iterator[str]:
    heads = " and ".join(head.name for head in shipped.heads)
    yield f"A detector with the {'heads' if len(shipped.heads) > 1 else 'head'} {heads}"
    yield f"({markdown(str(shipped.identity.get('construction')))}, freeze {shipped.identity.get('freeze')}),"
    yield f"by bench-freeze {shipped.bench_freeze}."
    if shipped.is_pick:
        yield "It is the one that the study recommends."
    if chosen.seeds > 1:
        seed = shipped.identity.get("seed")
        yield f"This is the first of its {chosen.seeds} trainings, seed {seed}: it was not chosen for its numbers."


def _needs(shipped: Shipped) -> str:
    if "onnx" in shipped.files:
        return "Both need `pip install 'bench-freeze[ort]'` and no torch."
    return "Both need `pip install 'bench-freeze[train]'`: the study ran this model in torch."


def _files(shipped: Shipped) -> Iterator[str]:
    for role, file in shipped.files.items():
        yield f"- `{file.file}`: {_role(role)}, {file.bytes / 1e6:.1f} MB"
    yield f"- `{MODEL_JSON}`: heads, class names, image size, preprocessing, selection, thresholds, hashes, numbers"


def _role(role: str) -> str:
    return {
        "onnx": "the model with all its heads, for ONNX Runtime",
        "plan": "the same as a TensorRT plan, for the kind of GPU that it was built on",
        "plan_side_car": "the description of the plan",
        "tuned": "the tuned checkpoint, an Ultralytics .pt with the new head",
        "base": "the base checkpoint, which the base head is taken from",
    }[role]


def _conf(shipped: Shipped) -> float:
    head = next((head for head in shipped.heads if head.name == "target"), shipped.heads[0])
    return 0.25 if head.threshold is None else head.threshold


def _iou(shipped: Shipped) -> float:
    return shipped.selection.nms_iou_threshold


def _numbers(shipped: Shipped, results: Results) -> Iterator[str]:
    own = shipped.numbers
    target, base = results.data["target"].name, results.data["base"].name
    on_target = f"mAP {_ap(own.target_map)} (mAP50 {_ap(own.target_map50)}) on {markdown(target)}"
    yield f"- target head: {on_target}, where the study chose"
    if own.target_test_map is not None:
        yield f"- target head on the test split, which played no part in the choice: mAP {_ap(own.target_test_map)}"
    if own.quoted is not None:
        yield f"- target mAP to expect, without what choosing adds: {_ap(own.quoted)}"
    if any(head.name == "base" for head in shipped.heads):
        original = f"the original model: {_ap(own.base_map_original)}"
        yield f"- base head: mAP {_ap(own.base_map)} on {markdown(base)} ({original})"
    for scope, seconds in (("engine", own.model_p50_s), ("image file to detections", own.pipeline_p50_s)):
        if seconds is not None:
            where = f"{shipped.engine} on {shipped.identity.get('device')}, batch {shipped.batch}"
            yield f"- {scope}: {seconds * 1e3:.1f} ms median, {markdown(where)}, on the study's machine"


def _ap(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"


def _heads(shipped: Shipped, results: Results) -> Iterator[str]:
    for head in shipped.heads:
        data = results.data["target" if head.name == "target" else "base"]
        yield f"### {head.name}: {len(head.class_names)} classes, thresholds from {markdown(data.name)}"
        rows = ["| class | from score | F1 | precision | recall |", "|---|---:|---:|---:|---:|"]
        for name, best in zip(head.class_names, head.thresholds, strict=True):
            cells = ["-"] * 4
            if best is not None:
                cells = [f"{best.score:.3f}", f"{best.f1:.3f}", f"{best.precision:.3f}", f"{best.recall:.3f}"]
            rows.append(f"| {markdown_cell(name)} | {' | '.join(cells)} |")
        yield "\n".join(rows)
        if head.threshold is not None:
            yield f"One score for all of them, and for a class without its own: {head.threshold:.2f}."
