"""Facts about files are remembered while the files stay what they were, and no fault of the store is an error."""

import os
import sqlite3
import time
from pathlib import Path

import pytest

from bench_freeze.data import file_cache
from bench_freeze.data.file_cache import remember, remembered, store_path


@pytest.fixture
def old(monkeypatch):
    """Files that were written just now count as old."""
    monkeypatch.setattr(file_cache, "RACY_NS", 0)


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_FREEZE_CACHE", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{i}.txt" for i in range(4)]
    for path in paths:
        path.write_text(path.name)
    return paths


def keep(kind, facts):
    """Ask, and remember what was not known, as every user of the store does."""
    known = remembered(kind, list(facts))
    remember(kind, {path: value for path, value in facts.items() if path not in known})


def values(paths):
    return {path: path.name.encode() for path in paths}


def test_facts_are_found_again(files, old):
    assert remembered("a", files) == {}
    remember("a", values(files[:3]))
    assert remembered("a", files) == values(files[:3])
    assert remembered("b", files) == {}, "kinds are apart"
    keep("b", {files[0]: b"other"})
    assert remembered("b", files) == {files[0]: b"other"}
    assert remembered("a", files[1:]) == values(files[1:3])


def test_a_relative_path_is_the_same_file(files, old, monkeypatch):
    keep("a", values(files))
    monkeypatch.chdir(files[0].parent)
    assert remembered("a", [Path(path.name) for path in files]) == {Path(p.name): p.name.encode() for p in files}


def grow(path):
    path.write_text(path.read_text() + "+")


def rewrite_as_old(path):
    before = path.stat()
    path.write_text(path.read_text()[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_as_old(path):
    before = path.stat()
    other = path.with_name("other")
    other.write_text(path.read_text()[::-1])
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def touch(path):
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("change", [grow, rewrite_as_old, replace_as_old, touch, Path.unlink])
def test_a_file_that_changed_is_not_known(files, old, change):
    keep("a", values(files))
    time.sleep(0.02)  # the clock of file times ticks every few milliseconds
    change(files[1])
    assert remembered("a", files) == values([files[0], *files[2:]])


@pytest.mark.parametrize("change", [grow, rewrite_as_old, replace_as_old])
def test_a_file_that_changes_while_it_is_read_is_not_known(files, old, change):
    assert remembered("a", files) == {}
    time.sleep(0.02)
    change(files[1])
    remember("a", values(files))
    assert remembered("a", files) == values([files[0], *files[2:]])


def test_a_file_that_changed_just_now_is_not_remembered(files):
    keep("a", values(files))
    assert remembered("a", files) == {}


def test_nothing_is_remembered_of_a_file_that_was_not_asked_about(files, old):
    remember("a", values(files))
    assert remembered("a", files) == {}


def test_any_name_can_be_remembered(tmp_path, old):
    names = [b"\xff\xfe.jpg", "größe ' \" %_?.jpg".encode(), b"line\nbreak.jpg"]
    paths = [Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)) for name in names]
    for path in paths:
        path.write_bytes(b"x")
    keep("a", dict.fromkeys(paths, b"\0\xff"))
    assert remembered("a", [*paths, Path("no\0file"), tmp_path / "absent"]) == dict.fromkeys(paths, b"\0\xff")


def test_many_files_at_once(tmp_path, old):
    paths = [tmp_path / f"many{i}" for i in range(1203)]
    for path in paths:
        path.touch()
    keep("a", values(paths))
    assert remembered("a", paths) == values(paths)


def test_the_store_is_bounded_and_the_oldest_facts_go(files, old, monkeypatch):
    monkeypatch.setattr(file_cache, "MAX_ROWS", 3)
    for path in files:
        keep("a", values([path]))
    assert remembered("a", files) == values(files[1:])
    files[1].write_text("it is known anew, so it is no longer the oldest")
    keep("a", values([files[1]]))
    keep("a", values([files[0]]))
    assert remembered("a", files) == values([files[0], files[1], files[3]])


def spoil_with_text(file):
    file.write_text("this is not a database " * 999)


def spoil_pages(file):
    content = bytearray(file.read_bytes())
    content[100:] = b"\xa5" * (len(content) - 100)
    file.write_bytes(content)


def cut_short(file):
    file.write_bytes(file.read_bytes()[:3000])


@pytest.mark.parametrize("spoil", [spoil_with_text, spoil_pages, cut_short])
def test_a_damaged_store_costs_its_facts_only_and_is_made_anew(files, old, spoil):
    keep("a", values(files))
    spoil(store_path())
    assert remembered("a", files) == {}
    remember("a", values(files))
    keep("a", values(files))
    assert remembered("a", files) == values(files)


def test_every_changed_byte_of_a_store_costs_facts_and_changes_none(files, old):
    keep("a", values(files))
    whole = store_path().read_bytes()
    used = [i for i, byte in enumerate(whole) if byte]
    assert len(used) > 300
    for at in used:
        spoiled = bytearray(whole)
        spoiled[at] ^= 0x11
        store_path().write_bytes(spoiled)
        found = remembered("a", files)
        assert found.items() <= values(files).items(), at


def test_a_locked_store_costs_its_facts_only(files, old, monkeypatch):
    keep("a", values(files))
    monkeypatch.setattr(file_cache, "LOCK_TIMEOUT_S", 0.01)
    other = sqlite3.connect(store_path())
    other.execute("BEGIN EXCLUSIVE")
    assert remembered("a", files) == {}
    remember("a", values(files))
    other.rollback()
    other.close()
    assert remembered("a", files) == values(files)


def test_a_store_that_cannot_be_is_done_without(files, old, store):
    store.write_text("a file where the folder should be")
    keep("a", values(files))
    assert remembered("a", files) == {}
    assert store.read_text() == "a file where the folder should be"


def test_where_the_store_is(tmp_path, monkeypatch):
    assert store_path().parent == tmp_path / "store"
    monkeypatch.delenv("BENCH_FREEZE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert store_path().parent == tmp_path / "xdg" / "bench-freeze"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store_path().parent == tmp_path / ".cache" / "bench-freeze"
    assert f"v{file_cache.FORMAT}." in store_path().name
