"""Files and folders that are written: modes, the lock, folders that cannot be used, what killed runs left."""

import errno
import os
import stat
import time
from pathlib import Path

import pytest

from bench_freeze.artifact import ArtifactStore
from bench_freeze.errors import InputError
from bench_freeze.files import write_whole
from bench_freeze.output import output_folder


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002, 0o000])
def test_modes_are_the_umasks(tmp_path, mask):
    def build(folder):
        (folder / "data").write_bytes(b"x")
        return {}

    before = os.umask(mask)
    try:
        with output_folder(tmp_path / "out") as store:
            artifact, _ = store.produce("step", {}, build)
        write_whole(tmp_path / "out" / "results.json", b"{}")
    finally:
        os.umask(before)
    for path in (tmp_path / "out", *(tmp_path / "out").rglob("*")):
        expected = (0o777 if path.is_dir() else 0o666) & ~mask
        assert stat.S_IMODE(path.stat().st_mode) == expected, path
    assert artifact.path("data").exists()


@pytest.mark.parametrize("kind", ["symlink", "hard link", "dangling", "pipe", "folder"])
def test_the_lock_overwrites_nothing_that_it_did_not_make(tmp_path, kind):
    out, other = tmp_path / "out", tmp_path / "thesis.tex"
    out.mkdir()
    other.write_text("years of work")
    lock = out / ".lock"
    {
        "symlink": lambda: lock.symlink_to(other),
        "hard link": lambda: lock.hardlink_to(other),
        "dangling": lambda: lock.symlink_to(tmp_path / "nowhere"),
        "pipe": lambda: os.mkfifo(lock),
        "folder": lock.mkdir,
    }[kind]()
    with pytest.raises(InputError, match=r"\.lock|Is a directory|cannot be used"), output_folder(out):
        pass
    assert other.read_text() == "years of work"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EIO, errno.EACCES, errno.ENOLCK, errno.EDQUOT])
@pytest.mark.parametrize("call", ["os.mkdir", "os.open", "fcntl.flock"])
def test_every_error_on_opening_is_a_sentence(tmp_path, monkeypatch, number, call):
    def fail(*arguments, **named):
        raise OSError(number, os.strerror(number), str(tmp_path / "out"))

    monkeypatch.setattr(call, fail)
    with pytest.raises(InputError) as error, output_folder(tmp_path / "out"):
        pass
    monkeypatch.undo()
    assert str(tmp_path / "out") in str(error.value)


@pytest.mark.parametrize("place", ["/proc/1/x", "/dev/null/x", "/dev/null", "/sys/bench-freeze", "a\0b", "x" * 300])
def test_places_where_no_folder_can_be(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError), output_folder(Path(place)):
        pass


def test_an_error_of_what_is_done_inside_stays_what_it_is(tmp_path):
    with pytest.raises(PermissionError), output_folder(tmp_path / "out"):
        raise PermissionError
    with pytest.raises(KeyError), output_folder(tmp_path / "out"):
        raise KeyError


def test_what_a_killed_run_left_is_gone_at_the_next_start(tmp_path):
    out = tmp_path / "out"
    (out / "artifacts" / ".tuned-0123.0011aabb.partial" / "weights").mkdir(parents=True)
    progress = "artifacts/.progress-0123456789ab.pt"
    old = (".matches.zip.a_b1c2d3", ".results.json.abcdefgh", f"{progress}.a1b2c3d_")  # names of earlier versions
    for name in (*old, ".results.json.0011aabb.partial", f"{progress}.00112233.partial"):
        (out / name).write_bytes(b"half")
    mine = (".hidden", "notes.partial", ".results.json.bak", "artifacts/progress-0123456789ab.pt")
    for name in mine:
        (out / name).write_bytes(b"mine")
    with output_folder(out):
        found = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert found == {*mine, ".lock"}


def test_a_file_that_is_written_again_clears_what_earlier_writes_left(tmp_path):
    old, young = tmp_path / ".a.json.00112233.partial", tmp_path / ".a.json.44556677.partial"
    for path in (old, young, tmp_path / ".b.json.00112233.partial", tmp_path / ".a.json.original"):
        path.write_bytes(b"half")
        os.utime(path, (time.time() - 7200,) * 2)
    os.utime(young)
    write_whole(tmp_path / "a.json", b"whole")
    assert {path.name for path in tmp_path.iterdir()} == {
        *("a.json", young.name, ".b.json.00112233.partial", ".a.json.original")
    }


def test_a_name_as_long_as_a_name_may_be_can_be_written(tmp_path):
    write_whole(tmp_path / ("x" * 255), b"whole")
    write_whole(tmp_path / ("ö" * 127), b"whole")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_store_of_no_folder_has_nothing_unfinished(tmp_path):
    assert ArtifactStore(tmp_path / "none").unfinished() == []
