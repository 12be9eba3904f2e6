"""The artifact store: whole or not at all, found again by its inputs, one run at a time."""

import json
import subprocess
import sys

import pytest

from bench_freeze.artifact import ArtifactStore, read_artifact
from bench_freeze.errors import InputError
from bench_freeze.files import sealed, write_whole
from bench_freeze.output import output_folder


def writer(content, calls):
    def build(folder):
        calls.append(content)
        (folder / "data.txt").write_text(content)
        return {"length": len(content)}

    return build


def test_the_same_inputs_are_made_once(tmp_path):
    store, calls = ArtifactStore(tmp_path), []
    first, made = store.produce("step", {"a": 1, "b": [2]}, writer("x", calls))
    again, made_again = store.produce("step", {"b": [2], "a": 1}, writer("x", calls))
    assert (made, made_again, calls) == (True, False, ["x"])
    assert again == first
    assert again.facts == {"length": 1}
    assert again.path("data.txt").read_text() == "x"


def test_a_changed_input_is_another_artifact(tmp_path):
    store, calls = ArtifactStore(tmp_path), []
    first, _ = store.produce("step", {"a": 1}, writer("x", calls))
    other, made = store.produce("step", {"a": 2}, writer("y", calls))
    assert made
    assert other.folder != first.folder
    assert first.path("data.txt").read_text() == "x"


def test_a_failed_step_leaves_nothing(tmp_path):
    def build(folder):
        (folder / "half.txt").write_text("half")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        ArtifactStore(tmp_path / "artifacts").produce("step", {}, build)
    assert list((tmp_path / "artifacts").iterdir()) == []


@pytest.mark.parametrize("damage", ["truncate", "remove", "manifest"])
def test_a_damaged_artifact_is_made_again(tmp_path, damage):
    store, calls = ArtifactStore(tmp_path), []
    artifact, _ = store.produce("step", {}, writer("whole", calls))
    if damage == "truncate":
        artifact.path("data.txt").write_text("who")
    elif damage == "remove":
        artifact.path("data.txt").unlink()
    else:
        (artifact.folder / "manifest.json").write_text("{")
    assert read_artifact(artifact.folder) is None
    mended, made = store.produce("step", {}, writer("whole", calls))
    assert made
    assert mended.path("data.txt").read_text() == "whole"


def test_the_manifest_names_inputs_files_and_versions(tmp_path):
    artifact, _ = ArtifactStore(tmp_path).produce("step", {"seed": 3}, writer("x", []))
    manifest = json.loads((artifact.folder / "manifest.json").read_text())
    assert manifest["inputs"] == {"seed": 3}
    assert manifest["files"]["data.txt"]["bytes"] == 1
    assert {"kind", "key", "bench_freeze", "keys", "facts"} <= manifest.keys()


def test_a_new_version_finds_what_earlier_ones_made(tmp_path, monkeypatch):
    """Also what version 0.1.0 made, whose key had the version in it, and whose manifest names no `keys`."""
    calls = []
    store = ArtifactStore(tmp_path)
    made, _ = store.produce("step", {"seed": 3}, writer("x", calls))
    assert made.key == "a4ac9d977cc6f69ebff468fcbfcbf6998f46f9ad54d7e25b4535c38309ccf38e"
    manifest = json.loads((made.folder / "manifest.json").read_text())
    del manifest["keys"], manifest["sha256"]
    (made.folder / "manifest.json").write_text(json.dumps(sealed(manifest | {"bench_freeze": "0.1.0"})))
    monkeypatch.setattr("bench_freeze.artifact.__version__", "9.9.9")
    found, is_new = ArtifactStore(tmp_path).produce("step", {"seed": 3}, writer("x", calls))
    assert (found.folder, is_new, len(calls)) == (made.folder, False, 1)


def test_a_folder_is_held_by_one_run(tmp_path):
    with (
        output_folder(tmp_path / "out"),
        pytest.raises(InputError, match="in use by another run"),
        output_folder(tmp_path / "out"),
    ):
        pass
    with output_folder(tmp_path / "out"):
        pass  # free again


def test_a_killed_run_does_not_leave_the_folder_locked(tmp_path):
    program = (
        "import os, sys, pathlib; from bench_freeze.output import output_folder\n"
        "with output_folder(pathlib.Path(sys.argv[1])) as store:\n"
        "    store.produce('step', {}, lambda folder: os.kill(os.getpid(), 9))\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "out")], check=False)
    assert killed.returncode == -9
    assert list((tmp_path / "out" / "artifacts").glob(".*.partial"))
    with output_folder(tmp_path / "out"):
        assert list((tmp_path / "out" / "artifacts").iterdir()) == []


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="is a file"), output_folder(tmp_path / "out"):
        pass


def test_a_write_that_fails_keeps_the_old_content(tmp_path, monkeypatch):
    file = tmp_path / "results.json"
    write_whole(file, b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(file, b"new")
    assert file.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


def test_what_a_killed_run_left_half_written_goes_and_progress_stays(tmp_path):
    for name in (".step-abc.xyz.partial", ".training.xyz.partial"):
        (tmp_path / name).mkdir()
    (tmp_path / ".progress-abc.pt.xyz").write_bytes(b"half")
    (tmp_path / "progress-abc.pt").write_bytes(b"whole")
    ArtifactStore(tmp_path).remove_unfinished()
    assert [p.name for p in tmp_path.iterdir()] == ["progress-abc.pt"]


def test_again_replaces_what_an_earlier_run_kept_and_only_that(tmp_path):
    def build(text):
        def write(folder):
            (folder / "value").write_text(text)
            return {}

        return write

    ArtifactStore(tmp_path).produce("step", {"x": 1}, build("earlier run"))
    store = ArtifactStore(tmp_path)
    replaced, made = store.produce("step", {"x": 1}, build("this run"), again=True)
    assert made
    assert replaced.path("value").read_text() == "this run"
    shared, made = store.produce("step", {"x": 1}, build("another row"), again=True)
    assert not made
    assert shared.path("value").read_text() == "this run"
