"""Results to show: committed ones of a real study, one with hostile names, and fifty arms made of real rows."""

from pathlib import Path

import msgspec
import numpy as np

from bench_freeze.gallery.gather import small_copy
from bench_freeze.report.assemble import view_of
from bench_freeze.report.examples_view import deployed_of
from bench_freeze.report.html.page import report_page
from bench_freeze.results.examples import ExampleBox, ExampleImage, ExampleModel, Examples, Found
from bench_freeze.results.schema import RejectedSample, Results, decode
from tests.builders import RESULTS, committed

SCRIPT = "<script>alert(1)</script>"
QUOTES = """it's "quoted" </script><img src=x onerror=alert(2)>.jpg"""


def write_page(path: Path, results: dict[str, Results], examples: dict[str, Examples] | None = None) -> Path:
    """The page of some results, on disk."""
    path.write_text(report_page(view_of(results), examples or {}))
    return path


def hostile() -> tuple[Results, Examples]:
    """A real study whose first class and data set are named like attacks, with rejected samples and two images."""
    content = (RESULTS / "fruit9_precisions_320.json").read_text()
    results = decode(content.replace('"peach"', f'"{SCRIPT}"').replace("fruit9/val", SCRIPT).encode())
    row = results.rows[0]
    rejected = [RejectedSample(after=3, seconds=0.2, reason=f"slow {SCRIPT}")]
    latency = msgspec.structs.replace(
        row.latency.model, rejected={rejected[0].reason: 1}, rejected_samples=rejected, reasons=[f"because {SCRIPT}"]
    )
    row = msgspec.structs.replace(row, latency=msgspec.structs.replace(row.latency, model=latency))
    results.rows[0] = row
    results.warnings.append(SCRIPT)
    return results, examples_of(results, images=2, file=QUOTES)


def fifty_arms() -> tuple[Results, Examples]:
    """Fifty arms of real rows under other depths and seeds, each with values and hashes of its own, and 24 images."""
    results = committed()
    generator = np.random.default_rng(0)
    rows = []
    for i in range(50):
        row = results.rows[i % len(results.rows)]
        shift = 1 + 0.1 * generator.random()
        samples = [s * shift for s in (row.latency.model.samples_s * 4)[:200]]
        model = msgspec.structs.replace(row.latency.model, samples_s=samples, p50_s=row.latency.model.p50_s * shift)
        per_iou = {iou: ap and ap / shift for iou, ap in row.target.ap_by_iou.items()}
        base_iou = {iou: ap and ap / shift for iou, ap in row.base.ap_by_iou.items()}
        rows.append(
            msgspec.structs.replace(
                row,
                seed=i // len(results.rows),
                target=msgspec.structs.replace(row.target, map=row.target.map / shift, ap_by_iou=per_iou),
                base=msgspec.structs.replace(row.base, map=row.base.map / shift, ap_by_iou=base_iou),
                latency=msgspec.structs.replace(row.latency, model=model),
                artifact=msgspec.structs.replace(row.artifact, weights_sha256=f"{i:064x}"),
            )
        )
    results.rows = rows
    return results, examples_of(results, images=24)


def examples_of(results: Results, *, images: int, file: str = "image.jpg") -> Examples:
    """Noisy pictures, which compress worse than photographs do, with boxes of every model."""
    generator = np.random.default_rng(1)
    ramp = np.linspace(0, 200, 480)[:, None, None] + np.linspace(0, 30, 480)[None, :, None]
    models = len(results.rows)
    made = []
    for i in range(images):
        picture = np.clip(ramp + generator.normal(0, 25, (480, 480, 3)), 0, 255).astype(np.uint8)
        truth = [ExampleBox(0, 10.0 * k, 20.0, 90.0, 80.0, None, "truth") for k in range(4)]
        boxes = [ExampleBox(0, 10.0 * k, 21.5, 88.5, 80.5, 0.9, "hit" if k else "false") for k in range(8)]
        others = [ExampleBox(1, 200.0, 150.0, 60.0, 60.0, 0.4, "unscored")]
        found = {str(m): Found(heads={"target": boxes, "base": others}, missed=[3]) for m in range(models)}
        made.append(
            ExampleImage(
                role="target" if i % 2 == 0 else "base", file=f"{i} {file}", width=480, height=480,
                picture=small_copy(picture), truth=truth, why=["best image", "worst image"][i % 2 :], suggest=[0, 1],
                found=found,
            )
        )  # fmt: skip
    names = results.data["target"].classes
    return Examples(
        data_sha256={role: facts.sha256 for role, facts in results.data.items()}, deployed=deployed_of(results),
        score_threshold=0.25, iou_threshold=0.5, classes={"target": names, "base": results.data["base"].classes},
        head_classes={"target": names, "base": results.data["base"].classes},
        models=[ExampleModel(rows=[i]) for i in range(models)], images=made,
    )  # fmt: skip
