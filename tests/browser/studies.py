"""Results to show: committed ones of a real study, one with hostile names, and fifty arms made of real rows."""

from pathlib import Path

import msgspec
import numpy as np

from bench_freeze.gallery.gather import small_copy
from bench_freeze.report.assemble import view_of
from bench_freeze.report.examples_view import deployed_of
from bench_freeze.report.html.page import report_page
from bench_freeze.results.curves import Confusion, ConfusionCell, HeadCurves
from bench_freeze.results.decision import Answer, ParetoMember, Quoted, Ratio, Trade
from bench_freeze.results.examples import ExampleBox, ExampleImage, ExampleModel, Examples, Found
from bench_freeze.results.schema import RejectedSample, Results, decode
from bench_freeze.results.study_statistics import Interval
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
        scored, other = ("target", "base") if i % 2 == 0 else ("base", "target")
        found = {str(m): Found(heads={scored: boxes, other: others}, missed=[3]) for m in range(models)}
        made.append(
            ExampleImage(
                role=scored, file=f"{i} {file}", width=480, height=480,
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


def decided(name: str = "fruit9_depths_seeds_320") -> Results:
    """A real study whose decision was graded: two answers, a front, arms that break a constraint, a deployed file."""
    results = committed(name)
    arms = {arm.name: arm for arm in results.statistics.arms}
    original = results.originals[0].latency.model.p50_s
    limit = 0.005

    def ratio(arm):
        value = arm.latency_p50_s / original
        return Ratio(value=value, interval=Interval(low=value - 0.02, high=value + 0.03))

    def trade(arm, other):
        target = arm.target.value - other.target.value
        return Trade(
            other=other.name, target=target, target_interval=Interval(low=target - 0.04, high=target + 0.04),
            base=arm.base_change.value - other.base_change.value, latency_ratio=ratio(arm),
            bytes=arm.bytes - other.bytes, sentence=f"Against {other.name}: {target:+.3f} target mAP.",
        )  # fmt: skip

    def answer(kind, arm, other):
        quoted = Quoted(
            value=arm.target_test.value, interval=arm.target_test.interval, source="test split",
            measured=arm.target.value, optimism=0.011, covers="images and trainings",
        )  # fmt: skip
        return Answer(
            kind=kind, name=arm.name, identity=arm.identity, target=quoted, base_change=arm.base_change,
            isolated=arm.isolated, latency_p50_s=arm.latency_p50_s, latency_interval_s=arm.latency_interval_s,
            latency_ratio=ratio(arm), bytes=arm.bytes, support=0.58,
            over_head_only=trade(arm, arms["branched 22"]), against_other=trade(arm, other),
        )  # fmt: skip

    def member(arm):
        broken = -arm.base_change.value > limit
        breaks = [f"Loses {-arm.base_change.value:.3f} of base mAP, {limit} are allowed."] if broken else []
        return ParetoMember(
            name=arm.name, target=arm.target, base_change=arm.base_change, latency_p50_s=arm.latency_p50_s,
            latency_interval_s=arm.latency_interval_s, tied_with_pick=None, identity=arm.identity,
            on_front=not broken and arm.name != "branched 15", breaks=breaks, latency_ratio=ratio(arm), bytes=arm.bytes,
        )  # fmt: skip

    best, cheap = arms["branched 0"], arms["branched 6"]
    results.recommendation = msgspec.structs.replace(
        results.recommendation, pick=cheap.name, identity=cheap.identity, pareto=[member(arm) for arm in arms.values()],
        indifference=0.01, support=0.58, grade="weak", ties=[best.name],
        answers=[answer("most accurate", best, cheap), answer("cheapest within the indifference", cheap, best)],
        grade_reasons=["55 images: fewer than 100.", "The order of the arms survives 58 % of the resamples."],
        next_steps=["Label about 150 more target images.", "Add seeds: --seeds 0,1,2,3,4."],
    )  # fmt: skip
    results.rows = [
        msgspec.structs.replace(
            row,
            artifact=msgspec.structs.replace(row.artifact, file=f"artifacts/onnx-{k:012x}/model.onnx"),
            target=msgspec.structs.replace(row.target, curves=curves_of(results.data["target"].classes, k)),
            base=msgspec.structs.replace(row.base, curves=curves_of(results.data["base"].classes, k)),
        )
        for k, row in enumerate(results.rows)
    ]
    return results


def curves_of(classes: list[str], seed: int) -> HeadCurves:
    """Curves and a confusion matrix of no model."""
    generator = np.random.default_rng(seed)
    falling = np.linspace(1, 0.1, 101) * generator.uniform(0.8, 1)
    cells = [ConfusionCell(k, k, 20 + k) for k in range(len(classes))]
    cells += [ConfusionCell(0, 1, 7), ConfusionCell(2, -1, 5), ConfusionCell(-1, 1, 3)]
    return HeadCurves(
        iou_threshold=0.5, precision=falling.tolist(), f1=(falling * np.linspace(0.3, 1, 101)).tolist(),
        confusion=Confusion(score_threshold=0.25, iou_threshold=0.45, classes=classes, cells=cells),
    )  # fmt: skip


def show_all(page):
    """Every column, and everything that is folded away."""
    if page.locator("#all-columns").get_attribute("aria-pressed") == "false":
        page.locator("#all-columns").click()
    page.evaluate(
        "document.querySelectorAll('.fold, .filter, .rest, #samples').forEach(details => { details.open = true })"
    )
    page.wait_for_selector("figure:not(:has(.plot svg.main-svg))", state="detached", timeout=60_000)
