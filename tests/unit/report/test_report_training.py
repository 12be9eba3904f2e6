"""The curves of trainings on the page, and where they come from."""

import csv
import io

import msgspec
import pytest

from bench_freeze.artifact import ArtifactStore
from bench_freeze.report.assemble import view_of
from bench_freeze.report.figures.all import figures_of
from bench_freeze.report.html.page import report_page
from bench_freeze.results.schema import Results, decode, encode
from bench_freeze.results.training_curves import HeldOutCurve, HeldOutPoint, TrainingCurves
from tests.builders import committed

BASE: dict[int, list[float | None]] = {22: [0.4, 0.4, 0.4, 0.4], 15: [0.4, 0.38, 0.3, 0.2], 10: [0.4, 0.2, 0.15, 0.1]}
TARGET: dict[int, list[float | None]] = {22: [0.0, 0.1, 0.3, 0.2], 15: [0.0, 0.2, 0.3, 0.4], 10: [0.0, None, 0.4, 0.5]}


def curves(freeze, **own):
    points = [
        HeldOutPoint(epoch=k, target_map=t, target_map50=t, base_map=b)
        for k, (t, b) in enumerate(zip(TARGET[freeze], BASE[freeze], strict=True))
    ]
    held_out = HeldOutCurve(
        **{"every": 1, "images": 20, "of_images": 200, "boxes": 53, "base_images": 90, "points": points, "seconds": 1.0}
        | own
    )
    losses = {"box_loss": [1.5, 1.25, 1.0], "cls_loss": [3.0, 2.0, None]}
    return TrainingCurves(losses=losses, learning_rate=[0.001, 0.002, 0.001], held_out=held_out)


def results(**own: object) -> Results:
    """A real study's rows, with curves."""
    found = committed()
    for k, row in enumerate(found.rows):
        train = msgspec.structs.replace(row.train, curves=curves(row.freeze, **own))
        found.rows[k] = msgspec.structs.replace(row, train=train)
    return found


def figures(found):
    return {figure.key: figure for figure in figures_of(view_of({"study": found}))}


def test_a_training_is_drawn_once_however_many_rows_it_has():
    found = results()
    assert len(found.rows) > 3
    drawn = figures(found)["training-accuracy"]
    assert [series.name for series in drawn.series] == [
        f"freeze {depth}, {data}" for depth in (22, 15, 10) for data in ("target", "base")
    ]
    by_name = {series.name: series for series in drawn.series}
    assert list(by_name["freeze 10, base"].y) == BASE[10]
    assert list(by_name["freeze 10, target"].y) == TARGET[10]
    assert by_name["freeze 10, base"].group == by_name["freeze 10, target"].group
    assert by_name["freeze 10, base"].dashed
    assert not by_name["freeze 10, target"].dashed


def test_it_says_when_the_base_task_was_forgotten_and_what_was_held_out():
    drawn = figures(results())["training-accuracy"]
    assert "freeze 15: base mAP of the graft 0.400 to 0.200, half of that by epoch 2; " in drawn.says
    assert "freeze 10: base mAP of the graft 0.400 to 0.100, half of that by epoch 1; " in drawn.says
    assert "freeze 22: base mAP of the graft 0.400 to 0.400; held-out target mAP highest after epoch 2 (0.300)." in (
        drawn.says
    )
    assert "20 of 200 training images (53 boxes)" in drawn.notes
    assert "90 base images" in drawn.notes
    assert "patience" not in drawn.notes


def test_what_patience_and_the_best_epoch_did_is_said():
    drawn = figures(results(stopped=True, patience=2, keep="best", kept_epoch=1))["training-accuracy"]
    assert "freeze 22 ended after epoch 3 (patience 2)." in drawn.notes
    assert "freeze 22 keeps the weights of epoch 1" in drawn.notes


def test_losses_are_added_up_and_one_schedule_is_one_line():
    drawn = figures(results())
    losses = {series.name: series for series in drawn["training-loss"].series}
    assert list(losses["freeze 22, sum"].y) == [4.5, 3.25, None]
    assert list(losses["freeze 22, box"].y) == [1.5, 1.25, 1.0]
    assert losses["freeze 22, sum"].first
    assert not losses["freeze 22, box"].first
    (rate,) = drawn["training-rate"].series
    assert list(rate.y) == [0.001, 0.002, 0.001]


def test_results_without_curves_have_no_such_figure_and_are_read_as_before():
    old = committed()
    assert all(row.train.curves is None for row in old.rows)
    assert not [key for key in figures(old) if key.startswith("training")]


def test_curves_are_kept_and_shown():
    found = results()
    assert decode(encode(found)).rows[0].train.curves == found.rows[0].train.curves
    page = report_page(view_of({"study": found}), {})
    assert "During training: target mAP" in page


def test_curves_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="different lengths"):
        TrainingCurves(losses={"box_loss": [1.0]}, learning_rate=[0.1, 0.1])


def artifact(folder, rows, facts=None):
    def build(place):
        stream = io.StringIO()
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        (place / "epochs.csv").write_text(stream.getvalue())
        return facts or {}

    return ArtifactStore(folder).produce("tuned", {}, build)[0]


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ({"lr/pg0": 0.1, "lr/pg1": 0.002, "lr/pg2": 0.002}, 0.002),  # older: the biases' rate is the odd one
        ({"lr/pg0": 0.1, "lr/pg1": 0.002, "lr/pg2": 0.002, "lr": 0.003}, 0.003),
        ({f"lr/pg{k}": 0.1 for k in range(9)}, None),  # older, and nothing says whose is whose
        ({"lr": "nan"}, None),
    ],
)
def test_curves_are_read_from_new_artifacts_and_old_ones(tmp_path, rates, expected):
    from bench_freeze.study.curves import curves_of

    row = {"epoch": 1, "time": 2.5, "train/box_loss": 1.25, "train/cls_loss": "nan", **rates}
    found = curves_of(artifact(tmp_path, [row]))
    assert found == TrainingCurves(losses={"box_loss": [1.25], "cls_loss": [None]}, learning_rate=[expected])
