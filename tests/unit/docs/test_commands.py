"""Every command that the documentation shows is understood by the parsers; those that cost little are run."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from docs.generate.command_line import parsers
from PIL import Image

from bench_freeze.cli import COMMANDS, main, parsed_line
from bench_freeze.commands.run_flags import study_values
from bench_freeze.config.given import Layer
from bench_freeze.config.study import read_toml
from bench_freeze.errors import InputError
from bench_freeze.study.assembled import assembled, toml_layer
from tests.unit.docs.pages import PAGES, ROOT, blocks, lines_of, text_of
from tests.unit.shipping.studies import keep, study

PROJECT = read_toml(ROOT / "pyproject.toml")["project"]
SHELL = {"cd", "export", "git", "scp", "source", "sudo"}  # the shell's own, and what every machine has
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

# Run for real, in a folder with a small study, a small data set and a few pictures.
RUN = (
    "bench-freeze doctor",
    "bench-freeze data fruit.yaml",
    "bench-freeze report bench/results/fruit9_depths_seeds_320.json",
    "bench-freeze report runs/a runs/b --html both.html --markdown both.md --csv both.csv",
    "bench-freeze predict runs/fruit photos/",
    "bench-freeze ship runs/fruit --row 'branched 10' --to fruit-model",
    "bench-freeze history runs/",
    "bench-freeze history runs/*/results.json --metric latency_model,base_map --html history.html",
    "bench-freeze clean runs/fruit",
    "bench-freeze clean runs/fruit --remove",
    "bench-freeze eval --gt instances.json --dt results.json",
)


def shown() -> dict[str, str]:
    """Every command line of the pages, and of the ends of the helps, with the place where it stands."""
    found = {}
    for block in blocks("bash"):
        for line in lines_of(block.text):
            found.setdefault(line, f"{block.page}:{block.line}")
    for name, parser in parsers():
        for line in lines_of(parser.epilog or ""):
            if line.startswith("  bench-freeze "):
                found.setdefault(re.split(r" {2,}", line.strip())[0], f"bench-freeze {name} --help")
    return found


def commands(line: str) -> list[list[str]]:
    """The words of each command of a line."""
    words = shlex.split(line, comments=True)
    found: list[list[str]] = [[]]
    for word in words:
        if word == "&&":
            found.append([])
        else:
            found[-1].append(word)
    return [command for command in found if command]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a study file, where nothing else is."""
    shutil.copy(ROOT / "examples" / "study.toml", tmp_path / "study.toml")
    monkeypatch.chdir(tmp_path)


def understood(words: list[str]) -> None:
    """Fails for a command that its parser, or for `run` the check of a study, would refuse."""
    try:
        values = parsed_line(words).values
    except SystemExit as end:
        if end.code:
            raise InputError(f"{words} end with {end.code}") from None
        return  # --help
    if hasattr(values, "study") and hasattr(values, "plan"):
        file = [toml_layer(Path(values.study))] if values.study else []
        if not values.study or Path(values.study).exists():
            assembled([*file, Layer("run", study_values(values), flags=True)], "run")


@pytest.mark.parametrize("line", list(shown()), ids=lambda line: line[:70])
def test_a_shown_command_is_understood(line, here):
    for words in commands(line):
        program, *rest = words
        if program == "bench-freeze":
            understood(rest)
        elif program == "make":
            assert set(rest) <= TARGETS
        elif program == "python3" and rest[0] == "-m":
            assert find_spec(rest[1])
        elif program == "python":
            assert (ROOT / rest[0]).is_file()
        elif program == "pip":
            extras = [extra for word in rest for part in re.findall(r"\[(.*?)\]", word) for extra in part.split(",")]
            assert set(extras) <= set(PROJECT["optional-dependencies"])
        else:
            assert program in SHELL, f"{program} in {shown()[line]}: what is it?"


def inline():
    """Commands inside sentences, but for those that stand for any."""
    for page in PAGES:
        for text in re.findall(r"`bench-freeze ([^`\n]+)`", text_of(page)):
            if not re.search(r"\.\.|COMMAND|^eval --dt$", text):
                yield text


@pytest.mark.parametrize("text", sorted(set(inline())))
def test_a_command_inside_a_sentence_names_commands_and_flags_that_exist(text, here):
    words = shlex.split(text)
    known = dict(parsers())
    name = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
    assert words[0] in COMMANDS
    flags = {flag for full, parser in known.items() if full.startswith(name) for flag in parser._option_string_actions}
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0] in flags
    if name in known and len(words) > 1 and not any(word.isupper() for word in words):
        understood(words)


@pytest.mark.parametrize("line", ["run --freze 10", "--recipe statik", "report", "baseline updat x", "zzz"])
def test_a_wrong_command_would_be_seen(line, here):
    with pytest.raises(InputError):
        understood(line.split())


def finished_study(out: Path) -> None:
    """A study with its pick in OUT/best, as a run leaves it."""
    results = study(out)
    results.best = "best"
    keep(out, results)
    assert main(["ship", str(out)]) == 0


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """What the commands of RUN find: studies in runs/, a data set, pictures, COCO files, the kept results."""
    folder = tmp_path_factory.mktemp("docs")
    for name in ("a", "b", "fruit"):
        finished_study(folder / "runs" / name)
    (folder / "bench").mkdir()
    (folder / "bench" / "results").symlink_to(ROOT / "bench" / "results")
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        for k in range(2):
            Image.new("RGB", (64, 48), (k, 90, len(split))).save(folder / f"images/{split}/{k}.png")
            (folder / f"labels/{split}/{k}.txt").write_text("0 0.5 0.5 0.4 0.4\n")
    (folder / "fruit.yaml").write_text("train: images/train\nval: images/val\nnames: [apple]\n")
    (folder / "photos").mkdir()
    shutil.copy(folder / "images/val/0.png", folder / "photos/photo.png")
    box = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9]}
    truth = {"images": [{"id": 1, "width": 20, "height": 20}], "categories": [{"id": 1, "name": "apple"}]}
    truth["annotations"] = [{**box, "id": 1, "area": 81, "iscrowd": 0}]
    (folder / "instances.json").write_text(json.dumps(truth))
    (folder / "results.json").write_text(json.dumps([{**box, "score": 0.9}]))
    return folder


def test_the_commands_that_are_run_are_shown():
    plain = {shlex.join(words) for line in shown() for words in commands(line)}
    assert {shlex.join(shlex.split(line)) for line in RUN} <= plain


def test_cheap_commands_run_in_the_order_of_the_list(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    for line in RUN:
        words = [
            name
            for word in shlex.split(line)[1:]
            for name in (sorted(str(found) for found in Path().glob(word)) if "*" in word else [word])
        ]
        assert main(words) == 0, (line, capsys.readouterr().err)
    assert "AP" in capsys.readouterr().out
    for name in ("both.html", "both.md", "both.csv", "history.html", "fruit-model"):
        assert (place / name).exists()
