"""Results in Python: read as they were kept, as a tidy table, as plots."""

import json
import shutil
import sys

import pytest

from bench_freeze import Results
from bench_freeze.errors import InputError
from bench_freeze.report.assemble import view_of
from bench_freeze.results.schema import encode
from bench_freeze.results.sealing import seal
from tests.builders import COCO206, PRECISIONS, RESULTS, committed, profile, results, row

SEEDS = "fruit9_depths_seeds_320"


def kept(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(RESULTS / f"{name}.json", folder / "results.json")
    return folder


def test_a_folder_and_its_file_are_the_same(tmp_path):
    folder = kept(tmp_path / "out", PRECISIONS)
    found = Results.load(folder)
    assert found.document == Results.load(str(folder / "results.json")).document == committed(PRECISIONS)
    assert found.rows == found.document.rows
    assert found.folder == folder


def test_what_changed_since_it_was_written_is_refused(tmp_path):
    file = tmp_path / "results.json"
    content = seal(encode(results(rows=[row()])))
    file.write_bytes(content)
    assert len(Results.load(tmp_path).rows) == 1
    file.write_bytes(content.replace(b'"freeze": 22', b'"freeze": 15'))
    with pytest.raises(InputError, match="changed after it was written"):
        Results.load(tmp_path)


def test_what_holds_no_study_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        Results.load(tmp_path)
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(InputError, match="results.json"):
        Results.load(tmp_path)
    from bench_freeze.results.profile import encode_profile

    (tmp_path / "p.json").write_bytes(seal(encode_profile(profile())))
    with pytest.raises(InputError, match="is a profile, not the results of a study"):
        Results.load(tmp_path / "p.json")


@pytest.mark.parametrize("name", [COCO206, PRECISIONS, SEEDS])
def test_the_tidy_table_holds_every_number_of_the_report_once(name, tmp_path):
    found = Results.load(kept(tmp_path / "fruit", name))
    view = view_of({"fruit": found.document})
    lines = {(line["name"], line["metric"]): line for line in found.to_records()}
    assert len(lines) == len(found.to_records())
    shown = {
        (one.name, column.key): one.value(column.key)
        for one in view.rows
        for column in view.numbers
        if one.value(column.key).value is not None
    }
    assert set(lines) == set(shown)
    for key, value in shown.items():
        line = lines[key]
        assert (line["value"], line["lower"], line["upper"]) == (value.value, value.low, value.high)
    for record in found.rows:
        own = [
            line["value"]
            for line in lines.values()
            if line["metric"] == "target_map"
            and tuple(line[part] for part in ("freeze", "seed", "construction", "recipe", "precision", "engine"))
            == (record.freeze, record.seed, record.construction, record.recipe, record.precision, record.engine)
        ]
        assert own == [record.target.map]
    assert {line["unit"] for line in lines.values()} <= {"fraction", "s", "bytes", "ratio", "J", "images/s"}


def test_pandas_gets_numbers_in_columns_of_numbers(tmp_path):
    pandas = pytest.importorskip("pandas")
    table = Results.load(kept(tmp_path / "fruit", COCO206)).to_pandas()
    assert [str(table[name].dtype) for name in ("value", "lower", "upper", "freeze")] == ["float64"] * 3 + ["Int64"]
    empty = Results(results(), tmp_path).to_pandas()
    assert list(empty.columns) == list(table.columns)
    assert isinstance(empty, pandas.DataFrame)


def test_without_pandas_there_is_a_sentence_and_the_records(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    found = Results.load(kept(tmp_path / "fruit", COCO206))
    with pytest.raises(InputError, match=r"pip install 'bench-freeze\[pandas\]', or use to_records"):
        found.to_pandas()
    assert found.to_records()


def test_the_pick_is_the_row_of_the_recommendation(tmp_path):
    for name in (PRECISIONS, SEEDS):
        found = Results.load(kept(tmp_path / name, name))
        identity = found.recommendation.identity
        assert found.pick.seed == found.rows[0].seed
        for part in ("freeze", "construction", "recipe", "engine", "precision"):
            assert getattr(found.pick, part) == identity.get(part, getattr(found.pick, part))
    older = Results.load(kept(tmp_path / "old", COCO206))
    assert older.pick is None
    assert "no pick" in repr(older)
    assert "not finished" in repr(Results(results(finished=False), tmp_path))


def test_plots_are_those_of_the_report(tmp_path):
    found = Results.load(kept(tmp_path / "fruit", SEEDS))
    assert {"tradeoff", "depth"} <= set(found.plots)
    for name in found.plots:
        plot = found.plot(name)
        assert set(plot.plotly) == {"data", "layout"}
        assert json.dumps(plot.plotly)
    with pytest.raises(InputError, match="did you mean 'tradeoff'"):
        found.plot("trade-off")
    page = tmp_path / "plot.html"
    found.plot("tradeoff").save(page)
    text = page.read_text()
    assert "https://" not in text.partition("<script>")[0]
    frame = found.plot("tradeoff")._repr_html_()
    assert frame.startswith("<iframe ")
    assert 'sandbox="allow-scripts"' in frame
    assert frame.count("<iframe") == 1
    with pytest.raises(InputError, match="cannot be written"):
        found.plot("tradeoff").save(tmp_path)


def test_names_of_data_do_not_leave_a_plot(tmp_path):
    hostile = '</script><script>alert("x")</script>'
    document = committed(COCO206)
    document.rows[0] = row(construction=hostile)
    frame = Results(document, tmp_path).plot("tradeoff")._repr_html_()
    assert "<script>alert" not in frame
    assert "&lt;script&gt;alert" not in frame  # it would be one inside of the frame


def test_a_notebook_shows_the_table_of_what_decides(tmp_path):
    text = Results.load(kept(tmp_path / "fruit", SEEDS))._repr_markdown_()
    assert text.startswith("| model | target mAP |")
