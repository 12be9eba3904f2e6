"""Several checkpoints in one study: their names, and what tells their rows apart."""

from pathlib import Path

import msgspec
import pytest

from bench_freeze.check.snapshot import snapshot_of_results
from bench_freeze.cli import _parser
from bench_freeze.commands.run_flags import study_values
from bench_freeze.conclusions import conclude
from bench_freeze.conclusions.arms import arms_of, identity_of
from bench_freeze.config.study import study_from
from bench_freeze.errors import InputError
from bench_freeze.report.asked import asked
from bench_freeze.report.assemble import view_of
from bench_freeze.report.conclusions_text import MOST_NAMED, statistics_lines
from bench_freeze.report.figures.all import figures_of
from bench_freeze.report.html.page import report_page
from bench_freeze.report.provenance import origins, study_facts
from bench_freeze.report.reproduce import row_command
from bench_freeze.report.table import csv_table
from bench_freeze.results.schema import decode
from bench_freeze.study.weights import unique_names
from tests import builders

REAL = Path(__file__).parents[3] / "bench" / "results"
OWN_DATA = {"target": "t.yaml", "base": "b.json"}


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["w/yolov8n.pt", "yolo11n.pt"], ["yolov8n", "yolo11n"]),
        (["a/best.pt", "b/best.pt", "c.pt"], ["a/best", "b/best", "c"]),
        (["/x/run1/weights/best.pt", "/x/run2/weights/best.pt"], ["run1/best", "run2/best"]),
        (["/x/a/last.pt", "/y/a/last.pt", "/y/b/last.pt"], ["last-00000000", "last-11111111", "last-22222222"]),
        (["/deep/down/a/best.pt", "/a/best.pt"], ["down/best", "best-11111111"]),
    ],
)
def test_a_name_is_the_stem_and_what_tells_it_from_others(files, names):
    hashes = [str(position) * 64 for position in range(len(files))]
    found = unique_names([Path(file) for file in files], hashes)
    assert len(set(found)) == len(files)
    assert found == names


def test_one_checkpoint_under_two_names_is_refused():
    with pytest.raises(InputError, match=r"a\.pt and copy\.pt are the same checkpoint; name it once"):
        unique_names([Path("a.pt"), Path("b.pt"), Path("copy.pt")], ["0", "1", "0"])


def test_weights_are_one_or_several_in_a_file_and_on_the_command_line():
    assert study_from({"weights": "a.pt", **OWN_DATA}, "f").data.weights == ("a.pt",)
    assert study_from({"weights": ["a.pt", "b.pt"], **OWN_DATA}, "f").data.weights == ("a.pt", "b.pt")
    given = study_values(_parser().parse_args(["run", "--weights", "a.pt, b.pt"]))
    assert given == {"weights": ["a.pt", "b.pt"]}
    for values, sentence in (([], "empty"), (["a.pt", "a.pt"], "twice")):
        with pytest.raises(InputError, match=f"weights .*{sentence}"):
            study_from({"weights": values, **OWN_DATA}, "f")


def of_two(results, **changes):
    """Results of one checkpoint as if every row were there for two; the second one's head knows no base class."""
    base = results.data["base"]
    nothing = msgspec.structs.replace(base, classes=[], left_out_categories=list(base.classes), boxes=0)
    own = builders.pretraining("coco", base, sha256="0")
    other = builders.pretraining("far", nothing, sha256="1", classes=["far"])

    def unscored(accuracy):
        return msgspec.structs.replace(accuracy, map=None, map50=None, per_class={}, matches=None)

    results.originals = [msgspec.structs.replace(o, weights="coco") for o in results.originals] + [
        msgspec.structs.replace(o, weights="far", base=unscored(o.base)) for o in results.originals
    ]
    results.rows = [msgspec.structs.replace(r, weights="coco") for r in results.rows] + [
        msgspec.structs.replace(r, weights="far", base=unscored(r.base), base_merged=None, base_delta_map=None)
        for r in results.rows
    ]
    return msgspec.structs.replace(results, pretrainings=[own, other], **changes)


@pytest.fixture
def several():
    results = builders.committed()
    command = results.command.replace("weights/yolov8n_coco.pt", "w/coco.pt,w/far.pt")
    assert command != results.command
    study = results.study | {"weights": ["w/coco.pt", "w/far.pt"]}
    return of_two(results, command=command, study=study)


def test_a_row_is_made_again_from_its_own_checkpoint(several):
    commands = {(row.weights, row.freeze): row_command(several, row) for row in several.rows}
    assert "--weights w/coco.pt --" in commands["coco", 15]
    assert "far" not in commands["coco", 15]
    assert "--weights w/far.pt,w/coco.pt --" in commands["far", 15]  # alone, it would not be taken for this base set
    assert commands["coco", 15].count("--weights") == 1
    assert "--weights w/coco.pt" in row_command(several, several.originals[0])


def test_the_report_tells_checkpoints_apart_everywhere(several):
    view = view_of({"study": several})
    assert "weights" in [column.key for column in view.columns]
    names = [row.name for row in view.rows]
    assert len(set(names)) == len(names)
    assert {"original coco", "original far", "branched 15 coco", "branched 15 far"} <= set(names)
    assert "branched,15,far" in csv_table(view)
    assert "Fine-tune coco and far on" in asked(several)
    assert ("weights far sha256", "1") in study_facts(several)
    assert ("checkpoint", "far") in next(o for o in origins(view) if o.row.name == "plain 22 far").facts
    page = report_page(view, {})
    assert "branched 15 far" in page
    by_depth = next(figure for figure in figures_of(view) if figure.key == "depth")
    assert not any("far" in s.name for s in by_depth.series if s.name.startswith("base"))  # nothing to draw
    assert any("far" in s.name for s in by_depth.series if s.group == "target")
    assert any(series.mark == "level" for series in by_depth.series)


def test_an_arm_is_compared_with_the_original_of_its_checkpoint(several):
    arms = arms_of(several)
    assert {(arm.first.weights, arm.original.weights) for arm in arms} == {("coco", "coco"), ("far", "far")}
    assert all(arm.name.endswith(arm.first.weights) for arm in arms)
    found = conclude(several, {})
    unscored = [arm for arm in found.arms if arm.identity["weights"] == "far"]
    assert unscored
    assert all((arm.base, arm.base_change) == (None, None) and arm.target.value > 0.3 for arm in unscored)
    assert all("far" not in c.b for c in found.comparisons if c.data == "base")


def test_what_cannot_be_judged_on_the_base_set_is_not_recommended(several):
    from bench_freeze.conclusions import recommend

    picked = recommend(msgspec.structs.replace(several, statistics=conclude(several, {})))
    assert "coco" in picked.pick
    far = [member for member in picked.pareto if "far" in member.name]
    assert far
    assert not any(member.on_front for member in far)
    assert all("no base mAP" in member.breaks[0] for member in far)
    assert not any("far" in name for name in picked.ties)


def test_the_check_pairs_rows_of_one_checkpoint(several):
    rows = snapshot_of_results(several).rows
    assert len({row.key for row in rows}) == len(rows)
    far = [row for row in rows if row.weights == "far"]
    assert far
    assert all("far" in row.title and "base" not in row.accuracy for row in far)


def test_files_of_one_checkpoint_are_as_they_were():
    contents = [file.read_bytes() for file in sorted(REAL.glob("*.json"))]
    studies = [decode(content) for content in contents if b'"originals": [' in content]
    of_one = [results for results in studies if isinstance(results.study["weights"], str)]
    assert len(of_one) >= 3
    for results in of_one:
        view = view_of({"study": results})
        assert "weights" not in [column.key for column in view.columns]
        assert all("weights" not in row.identity for row in view.rows)
        assert "--weights" in row_command(results, results.rows[0])
        assert all("weights" not in identity_of(arm) for arm in arms_of(results))
        assert all(row.weights is None for row in snapshot_of_results(results).rows)
        if results.statistics is not None:
            assert results.statistics.gain is None


def test_very_many_pairs_of_trainings_are_counted(several):
    lines = [replaced for share in (0.1, 0.5, 1.0) for replaced in _on_share(several.rows, share)]
    found = conclude(msgspec.structs.replace(several, rows=lines, study=several.study | {"seeds": [0, 1]}), {})
    (told,) = [line for line in statistics_lines(found) if line.startswith("Over other trainings")]
    assert "Holm over 153" in told  # 3 depths x 2 checkpoints x 3 shares
    apart, alike = told.split("; not distinguished: ")
    counts = [MOST_NAMED + int(part.rstrip(".").split(" and ")[-1].split()[0]) for part in (apart, alike)]
    assert (apart.count(" over freeze "), alike.count(" and freeze ")) == (MOST_NAMED, MOST_NAMED)
    assert sum(counts) == 153


def _on_share(rows, share):
    """The rows as if they were of a share of the images, with two seeds that are all but equal."""
    return [
        msgspec.structs.replace(
            row, data_fraction=share, seed=seed, target=_nearly(row.target, seed * (1 + share + len(row.weights)))
        )
        for row in rows
        for seed in (0, 1)
    ]


def _nearly(accuracy, much):
    return msgspec.structs.replace(
        accuracy, map=accuracy.map * (1 - 1e-6 * much), map50=accuracy.map50 * (1 - 1e-6 * much)
    )
