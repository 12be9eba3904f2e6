"""The schema of results, the view made of them, and its table in every form."""

import csv
import io
import json
from pathlib import Path

import msgspec
import pytest

from bench_freeze.report.assemble import view_of
from bench_freeze.report.formats import heading, p_value
from bench_freeze.report.provenance import origins
from bench_freeze.report.table import cells_of, csv_table, markdown, markdown_table, plain_table, terminal_table
from bench_freeze.results import schema
from tests import builders


def test_the_committed_json_schema_is_the_code():
    file = Path(schema.__file__).with_name("results.schema.json")
    assert json.loads(file.read_text()) == schema.json_schema()


@pytest.fixture
def results():
    scored = builders.accuracy(per_class={"a": {"ap": 0.3, "ap50": 0.5, "ground_truth": 4}}, ap_by_iou={"0.50": 0.5})
    common = {"base": scored, "latency": {"model": builders.latency(), "pipeline": None}}
    row = builders.row(**common, target=scored, base_original={"map": 0.31, "map50": 0.5}, base_delta_map=-0.01)
    return builders.results(originals=[builders.original(**common)], rows=[row])


def test_results_survive_the_disk(results):
    assert schema.decode(schema.encode(results)) == results


def cells(view):
    """The table as dicts by heading."""
    headings = [heading(column) for column in view.columns]
    return [dict(zip(headings, cells_of(row, view.columns), strict=True)) for row in view.rows]


def printed(view, width):
    """What a terminal of some width shows."""
    from rich.console import Console

    console = Console(width=width, file=io.StringIO(), highlight=False)
    console.print(terminal_table(view, width))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_table_shows_what_was_measured_and_a_dash_for_the_rest(results):
    original, row = cells(view_of({"test": results}))
    assert original["construction"] == "original"
    assert row["base change"] == "-0.0100"
    assert row["target mAP50"] == "0.5000"
    assert row["model p50 ms"] == "1.00"
    assert row["size MB"] == "12.68"
    assert original["target mAP"] == "-"
    assert "pipeline p50 ms" not in row  # nobody measured it


def test_every_form_has_the_same_cells():
    view = view_of({"one": builders.committed(), "two": builders.committed(builders.PRECISIONS)})
    numbers = [
        cell for row in cells(view) for key, cell in row.items() if key.split()[0] in ("target", "base", "model")
    ]
    text, wide = plain_table(view), " ".join(printed(view, 400).split())
    for cell in numbers:
        assert cell in text
        assert cell in markdown_table(view)
        assert cell.partition(" ")[0] in wide
        assert cell.partition(" ")[2] in wide


def test_csv_has_the_numbers_as_they_were_measured():
    results = builders.committed(builders.PRECISIONS)
    rows = list(csv.DictReader(io.StringIO(csv_table(view_of({"study": results})))))
    for row, found in zip(results.rows, rows[len(results.originals) :], strict=True):
        assert float(found["target_map"]) == row.target.map
        assert float(found["model_p50_low_s"]) == row.latency.model.bounds["p50"].low_s
        assert found["verdict"] in ("VALID", "AMBIGUOUS")


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_a_terminal_of_any_width_shows_every_number_whole(width):
    view = view_of({"one": builders.committed(), "two": builders.committed(builders.PRECISIONS)})
    shown = printed(view, width)
    assert max(map(len, shown.splitlines())) <= width
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown
    for cell in ("0.6587", "-0.1134", "[32.33, 33.42]", "AMBIGUOUS", "12.61"):
        assert cell in shown


def test_the_verdict_is_the_worse_of_both_scopes(results):
    row = results.rows[0]
    valid = msgspec.structs.replace(row.latency.model, verdict="VALID")
    invalid = msgspec.structs.replace(valid, verdict="INVALID", reasons=["hot"])
    both = msgspec.structs.replace(row.latency, model=valid, pipeline=invalid)
    results.rows[0] = msgspec.structs.replace(row, latency=both)
    original, row = view_of({"test": results}).rows
    assert (original.verdict, row.verdict) == ("UNJUDGED", "INVALID")
    assert row.reasons == ("pipeline: hot",)


def test_rows_of_several_files_have_names_of_their_own():
    view = view_of({"a": builders.committed(), "b": builders.committed()})
    names = [row.name for row in view.rows]
    assert len(set(names)) == len(names) == 20
    assert cells(view)[0]["source"] == "a"
    assert cells(view)[-1]["source"] == "b"


def test_columns_that_never_differ_are_left_out_and_said():
    view = view_of({"study": builders.committed()})
    keys = [column.key for column in view.columns]
    assert "seed" not in keys
    assert "engine" not in keys
    assert "energy" not in keys
    assert any(sentence.startswith("Energy: not measured") for sentence in view.absent)


def test_markdown_does_not_read_names_as_markup(results):
    results.study["weights"] = "a <b> | [c](d)"
    text = markdown(view_of({"test": results}))
    assert text.startswith("# a &lt;b&gt; \\| \\[c\\](d)")


def test_a_key_that_is_missing_is_named(results):
    content = json.loads(schema.encode(results))
    del content["rows"][0]["freeze"]
    with pytest.raises(msgspec.ValidationError, match="freeze"):
        schema.decode(json.dumps(content).encode())


def test_csv_names_the_files_of_every_model_and_of_no_mean():
    results = builders.committed()
    for k, row in enumerate(results.rows):
        files = {"onnx_file": f"artifacts/onnx-{k}/model.onnx", "weights_file": f"artifacts/tuned-{k}/tuned.pt"}
        results.rows[k] = msgspec.structs.replace(row, artifact=msgspec.structs.replace(row.artifact, **files))
    view = view_of({"study": results})
    rows = list(csv.DictReader(io.StringIO(csv_table(view))))
    named = [(row["onnx_file"], row["plan_file"], row["weights_file"]) for row in rows]
    of_models = [files for files, row in zip(named, view.rows, strict=True) if row.kind == "model"]
    assert of_models == [
        (f"artifacts/onnx-{k}/model.onnx", "", f"artifacts/tuned-{k}/tuned.pt") for k in range(len(results.rows))
    ]
    assert {files for files, row in zip(named, view.rows, strict=True) if row.kind != "model"} <= {("", "", "")}
    facts = dict(origins(view)[-1].facts)
    assert facts["ONNX file"] == of_models[-1][0]
    assert facts["weights"] == of_models[-1][2]


@pytest.mark.parametrize(
    ("p", "text"),
    [(None, ""), (0.0, "below 0.001"), (0.0009999, "below 0.001"), (0.001, "0.001"), (0.04, "0.040"), (1.0, "1.000")],
)
def test_a_p_value_is_never_written_as_zero(p, text):
    assert p_value(p) == text
