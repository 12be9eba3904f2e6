"""`bench-freeze clean`: what the results need stays, what they do not is listed, and removed when that is asked for."""

import json

import pytest

from bench_freeze.artifact import ArtifactStore
from bench_freeze.cli import main
from bench_freeze.output import output_folder
from bench_freeze.results.sealing import seal
from tests.unit.check.check_files import write_results


def make(out, **changes):
    """An output folder with two artifacts, one of which the results were made from; names of what is not needed."""
    store = ArtifactStore(out / "artifacts")

    def build(folder):
        (folder / "data").write_bytes(bytes(2_000_000))
        return {}

    needed, _ = store.produce("tuned", {"option": 1}, build)
    other, _ = store.produce("tuned", {"option": 2}, build)
    path = write_results(out, **({"artifacts": [needed.folder.name]} | changes))
    path.write_bytes(seal(path.read_bytes()))
    (out / "artifacts" / "progress-0123456789ab.pt").write_bytes(b"x")
    (out / "artifacts" / ".tuned-0123.0011aabb.partial").mkdir()
    (out / "artifacts" / "damaged-tuned-0123456789ab").mkdir()
    (out / "artifacts" / "timing-0123456789ab.cache").write_bytes(b"x")
    (out / "artifacts" / "notes-of-mine").write_bytes(b"x")
    (out / ".results.json.0011aabb.partial").write_bytes(b"x")
    leftovers = {".tuned-0123.0011aabb.partial", "damaged-tuned-0123456789ab", ".results.json.0011aabb.partial"}
    return leftovers, {other.folder.name, "progress-0123456789ab.pt"}


def names(out):
    return {path.name for path in (*out.iterdir(), *(out / "artifacts").iterdir())}


def listed(text):
    return {line.split()[2].rpartition("/")[2] for line in text.splitlines() if " MB  " in line}


def test_it_lists_with_sizes_and_removes_nothing(tmp_path, capsys):
    leftovers, other = make(tmp_path)
    before = names(tmp_path)
    assert main(["clean", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert listed(text) == leftovers | other
    assert "2.00 MB  artifacts/tuned-" in text
    assert "5 entries, 2.00 MB; --remove deletes them." in text
    assert names(tmp_path) - {".lock"} == before


def test_it_removes_what_it_lists_and_nothing_else(tmp_path, capsys):
    leftovers, other = make(tmp_path)
    before = names(tmp_path)
    assert main(["clean", str(tmp_path), "--remove"]) == 0
    assert "Removed 5 entries" in capsys.readouterr().out
    assert names(tmp_path) - {".lock"} == before - leftovers - other
    assert main(["clean", str(tmp_path), "--remove"]) == 0
    assert "Nothing to remove." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("unfinished", "did not finish"),
        ("missing", "There is no results.json"),
        ("damaged", "changed after it was written"),
        ("cut off", "results.json"),
        ("old", "from an earlier version"),
    ],
)
def test_where_the_results_do_not_tell_artifacts_stay(tmp_path, capsys, state, sentence):
    changes = {"unfinished": {"finished": False}, "old": {"artifacts": None}}.get(state, {})
    leftovers, _ = make(tmp_path, **changes)
    results = tmp_path / "results.json"
    if state == "missing":
        results.unlink()
    elif state == "damaged":
        results.write_text(json.dumps(json.loads(results.read_text()) | {"about": "else", "artifacts": []}))
    elif state == "cut off":
        results.write_bytes(results.read_bytes()[:500])
    before = names(tmp_path)
    assert main(["clean", str(tmp_path), "--remove"]) == 0
    text = capsys.readouterr().out
    assert sentence in text
    assert listed(text) == leftovers
    assert names(tmp_path) - {".lock"} == before - leftovers


def test_a_folder_that_a_run_holds_is_refused(tmp_path, capsys):
    make(tmp_path)
    with output_folder(tmp_path):
        before = names(tmp_path)
        assert main(["clean", str(tmp_path), "--remove"]) == 2
        assert "in use by another run" in capsys.readouterr().err
        assert names(tmp_path) == before


@pytest.mark.parametrize("name", ["empty", "file", "nowhere"])
def test_what_is_no_output_folder_is_refused(tmp_path, capsys, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    assert main(["clean", str(tmp_path / name), "--remove"]) == 2
    assert "is not an output folder" in capsys.readouterr().err
    assert not (tmp_path / name / ".lock").exists()


def test_a_link_goes_and_what_it_names_stays(tmp_path, capsys):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    make(out)
    elsewhere.mkdir()
    (elsewhere / "thesis.tex").write_text("years of work")
    (out / "artifacts" / "tuned-ffffffffffff").symlink_to(elsewhere)
    assert main(["clean", str(out), "--remove"]) == 0
    assert not (out / "artifacts" / "tuned-ffffffffffff").is_symlink()
    assert (elsewhere / "thesis.tex").exists()
