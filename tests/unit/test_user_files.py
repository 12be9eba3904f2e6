"""The door for users' files: what is no file of bounded size is a sentence at once, whatever reads it."""

import os
import socket
import stat
from pathlib import Path

import pytest

from bench_freeze import cli
from bench_freeze.check.limits import make_rules
from bench_freeze.check.read import read_side
from bench_freeze.config.study import read_toml
from bench_freeze.data.coco import read_instances
from bench_freeze.data.yolo_yaml import read_yolo_yaml
from bench_freeze.doctor import examine_file
from bench_freeze.engines.model_file import read_model
from bench_freeze.engines.plan_file import read_plan
from bench_freeze.errors import InputError
from bench_freeze.evaluate.match_file import load_matches
from bench_freeze.report.documents import read_document
from bench_freeze.user_files import (
    MAX_DEPTH,
    MissingFile,
    check_depth,
    check_target,
    parse_toml,
    read_file,
    read_text,
    write_file,
    write_text,
)

READERS = {
    "study": read_toml,
    "rules": lambda path: make_rules({}, path),
    "side of a check": read_side,
    "document": read_document,
    "matches": load_matches,
    "COCO": read_instances,
    "yaml": read_yolo_yaml,
    "ONNX": read_model,
    "plan": read_plan,
    "checkpoint": examine_file,
}


def fifo(folder):
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def bound_socket(folder):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "s"))
    return folder / "s"


def circle(folder):
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    return folder / "a"


def folder_without_files(folder):
    (folder / "folder").mkdir()
    return folder / "folder"


PLACES = {
    "fifo": fifo,
    "socket": bound_socket,
    "circle of links": circle,
    "folder": folder_without_files,
    "device": lambda folder: Path("/dev/zero"),
    "terminal": lambda folder: Path("/dev/tty"),
    "null byte": lambda folder: folder / "a\0b",
    "long name": lambda folder: folder / ("a" * 300),
    "long path": lambda folder: folder.joinpath(*["b" * 200] * 30),
    "below a file": lambda folder: Path(__file__) / "x",
    "missing": lambda folder: folder / "gone",
    "not UTF-8": lambda folder: folder / os.fsdecode(b"\xff\xfe"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_file_is_refused_at_once_by_every_reader(reader, place, tmp_path):
    with pytest.raises(InputError) as refused:
        READERS[reader](PLACES[place](tmp_path))
    assert len(str(refused.value)) < 1000
    assert "\0" not in str(refused.value)


@pytest.mark.parametrize("reader", [name for name in READERS if name != "checkpoint"])
@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 100, b"\xff\xfe\xfd", b"[" * 100_000, b'{"a":' * 100_000, b"a = " + b"[" * 100_000, b"9" * 100_000],
    ids=["empty", "zeros", "not UTF-8", "deep list", "deep object", "deep TOML", "long number"],
)
def test_hostile_content_is_refused_by_every_reader(reader, content, tmp_path):
    file = tmp_path / "file.json"
    file.write_bytes(content)
    if reader in ("study", "rules") and not content:
        return  # an empty TOML file is a valid one
    with pytest.raises(InputError):
        READERS[reader](file)


def test_a_link_to_a_file_and_a_name_in_other_bytes_are_read(tmp_path):
    file = tmp_path / os.fsdecode(b"\xff\xfe")
    file.write_bytes(b"content")
    (tmp_path / "link").symlink_to(file)
    assert read_file(tmp_path / "link", "file", "give one") == b"content"


def test_sizes_are_bounded_those_of_the_kernels_files_too(tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"x" * 10)
    assert len(read_file(file, "file", "give one", 10)) == 10
    with pytest.raises(InputError, match="limit of a file"):
        read_file(file, "file", "give one", 9)
    assert b"processor" in read_file(Path("/proc/cpuinfo"), "file", "give one")  # says 0 bytes
    with pytest.raises(InputError, match="limit of a file"):
        read_file(Path("/proc/cpuinfo"), "file", "give one", 10)
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 40)
    for reader in READERS.values():
        with pytest.raises(InputError, match="limit"):
            reader(tmp_path / "sparse")


def test_text_says_which_byte_is_none(tmp_path):
    (tmp_path / "f").write_bytes(b"abc\xff")
    with pytest.raises(InputError, match="byte 3 is not UTF-8"):
        read_text(tmp_path / "f", "list", "give one")
    with pytest.raises(MissingFile):
        read_text(tmp_path / "g", "list", "give one")


@pytest.mark.parametrize("depth", [1, MAX_DEPTH, MAX_DEPTH + 1, 100_000])
def test_depth_is_bounded(depth):
    value = []
    for number in range(depth):
        value = [value] if number % 2 else {"a": value}  # type: ignore[assignment]
    if depth <= MAX_DEPTH:
        check_depth(value, "x", "flatten it")
    else:
        with pytest.raises(InputError, match="64 levels"):
            check_depth(value, "x", "flatten it")


def test_what_stands_in_many_places_is_looked_at_once_and_a_circle_is_too_deep():
    shared = [0]
    for _ in range(30):
        shared = [shared] * 10  # type: ignore[list-item]  # 10^30 values once they are written out
    check_depth(shared, "x", "flatten it")
    circle = []
    circle.append(circle)
    with pytest.raises(InputError, match="64 levels"):
        check_depth(circle, "x", "flatten it")


@pytest.mark.parametrize("text", ["a = " + "9" * 5000, "a.b" * 3 + " =", "a = 1\na = 2", "x = " + "[" * 5000, "\0 = 1"])
def test_toml_that_is_none(text):
    with pytest.raises(InputError):
        parse_toml(text, Path("s.toml"), "correct it")


WRITERS = {
    "report --html": ["report", "RESULTS", "--html", "OUT"],
    "report --csv": ["report", "RESULTS", "--csv", "OUT"],
    "report --markdown": ["report", "RESULTS", "--markdown", "OUT"],
    "check --json": ["check", "RESULTS", "--baseline", "RESULTS", "--json", "OUT"],
    "check --junit": ["check", "RESULTS", "--baseline", "RESULTS", "--junit", "OUT"],
    "baseline": ["baseline", "update", "RESULTS", "--to", "OUT", "--reason", "x"],
    "profile": ["profile", "m.onnx", "--out", "OUT"],
    "export": ["export", "--weights", "w.pt", "--out", "OUT"],
}
UNWRITABLE = ("circle of links", "null byte", "long name", "long path", "below a file", "folder")


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("place", [*UNWRITABLE, "kernel"])
def test_what_cannot_be_written_is_refused_before_the_work(writer, place, tmp_path, capsys):
    out = Path("/proc/1/x.json") if place == "kernel" else PLACES[place](tmp_path)
    results = "bench/results/fruit9_coco206_320.json"
    words = [{"RESULTS": results, "OUT": str(out)}.get(word, word) for word in WRITERS[writer]]
    assert cli.main(words) == 2
    said = capsys.readouterr()
    assert "OUT" not in said.out
    assert "cannot be" in said.err or "no .json" in said.err


def test_a_pipe_is_written_to_and_never_replaced(tmp_path):
    pipe = fifo(tmp_path)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_file(pipe, b"content", "--csv")
    assert os.read(reading, 100) == b"content"
    os.close(reading)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_text_with_the_bytes_of_a_file_name_is_written(tmp_path):
    write_text(tmp_path / "f", f"of {os.fsdecode(b'x' + bytes([255]))}", "--markdown")
    assert (tmp_path / "f").read_text() == "of x\\udcff"


def test_a_target_is_looked_at_and_nothing_is_made(tmp_path):
    check_target(tmp_path / "new" / "folder" / "f.json", "--out")
    assert list(tmp_path.iterdir()) == []
