"""The end of a run: the pick's folder is of this run's pick, and no failure of it ends the run."""

import msgspec

from bench_freeze.console import Console
from bench_freeze.results.shipped import read_shipped
from bench_freeze.shipping.pick import ship_pick
from tests.unit.shipping.studies import study


def test_it_names_the_folder_below_the_output_folder(tmp_path):
    results = study(tmp_path)
    assert ship_pick(tmp_path, results, Console(plain=True)) == "best"
    assert read_shipped(tmp_path / "best").row == "branched 22"


def test_without_a_pick_an_earlier_one_goes(tmp_path):
    results = study(tmp_path)
    ship_pick(tmp_path, results, Console(plain=True))
    (tmp_path / "best/mine").write_text("mine")
    results.recommendation = msgspec.structs.replace(results.recommendation, pick=None, identity={})
    assert ship_pick(tmp_path, results, Console(plain=True)) is None
    assert [path.name for path in (tmp_path / "best").iterdir()] == ["mine"]


def test_what_goes_wrong_is_a_warning_and_leaves_no_earlier_pick(tmp_path, capsys):
    results = study(tmp_path)
    ship_pick(tmp_path, results, Console(plain=True))
    (tmp_path / results.rows[0].artifact.onnx_file).write_bytes(b"other")
    assert ship_pick(tmp_path, results, Console(plain=True)) is None
    assert "warning: the recommended model was not copied" in capsys.readouterr().err
    assert not (tmp_path / "best").exists()
