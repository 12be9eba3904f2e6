"""Links and pictures of the pages exist, their numbers are those of the kept results, and their snippets run."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

import numpy as np
import pytest
from docs.generate import PARTS
from docs.generate.command_line import parsers
from docs.generate.facts import facts
from docs.generate.results_schema import SCHEMA
from docs.generate.studies import depths_table, numbers, substitutions
from jinja2 import Environment, StrictUndefined
from markdown_it import MarkdownIt
from PIL import Image

import bench_freeze
from bench_freeze.config.study import fields, read_toml
from tests.unit.docs.pages import PAGES, ROOT, SITE, blocks, text_of
from tests.unit.docs.test_commands import finished_study

OTHERS = [ROOT / name for name in ("ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md")]
README = (ROOT / "README.md").read_text()


def targets(page):
    """What a page links to or shows, outside of code."""
    text = text_of(page) if page in SITE else page.read_text()
    for token in MarkdownIt().parse(text):
        for child in token.children or []:
            for name in ("href", "src"):
                if (target := child.attrGet(name)) is not None:
                    yield unquote(target)


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page):
    for target in targets(page):
        if not re.match("https?:|mailto:|#", target):
            path = (page.parent / target.partition("#")[0]).resolve()
            assert path.exists(), target
            assert path.is_relative_to(ROOT)


def test_every_page_of_the_site_is_in_its_tree():
    tree = set(re.findall(r"^(\w+/\w+)$", (ROOT / "docs" / "index.md").read_text(), re.MULTILINE))
    assert tree == {str(page.relative_to(ROOT / "docs").with_suffix("")) for page in SITE} - {"index"}


def test_every_generated_part_stands_somewhere():
    used = {name for page in SITE for name in re.findall(r"<!-- generated: (\w+) -->", page.read_text())}
    assert used == set(PARTS)


def test_the_readme_is_short():
    assert len(README.split()) <= 900


def test_the_readme_has_the_kept_numbers():
    """Its table, and every decimal number in its sentences."""
    assert depths_table() in README
    found = numbers("depths")
    values = " ".join(value for of in found.values() for value in of.values())
    known = set(re.findall(r"\d+\.\d+", values))
    known |= {f"{float(of['ratio']):.1f}" for of in found.values()}
    results = README[README.index("## Results") : README.index("## Status")]
    prose = re.sub(r"\(docs\S+\)|^\|.*$", "", results, flags=re.MULTILINE)
    quoted = re.findall(r"\d+\.\d+", prose)
    assert len(quoted) >= 8
    assert set(quoted) <= known


def test_numbers_follow_the_file_that_they_name():
    rows = json.loads((ROOT / "bench" / "results" / "fruit9_depths_seeds_320.json").read_text())["rows"]
    own = [row["target"]["map"] for row in rows if (row["freeze"], row["construction"]) == (6, "branched")]
    assert len(own) == 3
    assert numbers("depths")["branched 6"]["target_map"] == f"{np.mean(own):.3f}"


# Numbers of the study pages that no kept file has, or that are settings and not results, by page.
STATED = {
    "capacity": (),
    "depths": ("2505.01016", "0.1", "0.01", "0.001"),  # the paper, its claim, the indifference, the margin
    "first_run": ("1.31.1", "0.01", "0.02", "0.1", "0.001"),  # ONNX Runtime; rounded in words; simulated; the margin
    "precisions": (),
    "pretrainings": ("1904.05871", "0.5", "0.7", "81.9", "68.2", "84.9", "73.5"),  # the paper, its IoU and figures
    "recipes": ("0.05", "0.25", "0.005"),  # names of recipes, the margin
}


@pytest.mark.parametrize("page", [page for page in SITE if "{{" in page.read_text()], ids=lambda page: page.stem)
def test_what_a_page_names_between_braces_is_a_kept_number(page):
    environment = Environment(undefined=StrictUndefined, autoescape=False)
    for place in re.findall(r"\{\{.+?\}\}", page.read_text(), re.DOTALL):
        assert "\n" not in place
        text = environment.from_string(place).render(substitutions() | facts())
        assert re.search(r"\d", text), place
        assert "None" not in text, place


@pytest.mark.parametrize("page", [page for page in SITE if page.parent.name == "studies"], ids=lambda page: page.stem)
def test_no_decimal_number_of_a_study_is_typed(page):
    prose = re.sub(r"\{\{.+?\}\}|```.*?```|\(http\S+\)|^\|.*$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert set(re.findall(r"\d+(?:\.\d+)+", prose)) <= set(STATED[page.stem])


def test_facts_are_those_of_the_file():
    kept = json.loads((ROOT / "bench" / "results" / "fruit9_depths_seeds_320.json").read_text())
    maps = {depth: [row["target"]["map"] for row in kept["rows"]
                    if (row["freeze"], row["construction"]) == (depth, "branched")] for depth in (22, 0)}  # fmt: skip
    found = facts()["facts"]["depths"]
    gain = np.mean(maps[0]) - np.mean(maps[22])
    assert found["over"]["0 over 22"]["value"] == f"{gain:+.3f}"
    assert found["over"]["22 over 0"]["value"] == f"{-gain:+.3f}"
    low, high = (float(end) for end in found["over"]["22 over 0"]["interval"].strip("[]").split(", "))
    assert low < -gain < high
    support = {arm["name"]: arm["support"] for arm in kept["recommendation"]["pareto"]}
    assert found["again"]["branched 0"] == f"{100 * support['branched 0']:.0f} %"


def test_the_reference_has_every_command_flag_key_field_and_name():
    page = PARTS["command_line"]()
    for name, parser in parsers():
        assert f"## bench-freeze {name}\n" in page
        assert all(f"`{flag}" in page for flag in parser._option_string_actions if flag not in ("-h", "--batch"))
    assert all(f"| `{option.name}` |" in PARTS["study_file"]() for option in fields())
    schema = PARTS["results_schema"]()
    for kind in json.loads(SCHEMA.read_text())["$defs"].values():
        assert all(f"| `{key}` |" in schema for key in kind.get("properties", ()))
    api = PARTS["python_api"]()
    assert all(f"## {name}\n" in api for name in bench_freeze.__all__ if name != "__version__")


def test_dependencies_are_those_of_the_project():
    project = read_toml(ROOT / "pyproject.toml")["project"]
    page = (ROOT / "docs" / "reference" / "dependencies.md").read_text()
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for name in extras if name != "dev" for line in extras[name])]
    packages = {re.split(r"[<>=;\s\[]", line)[0] for line in lines}
    assert {name for name in packages if f"`{name}`" not in page} <= {"mlflow", "tensorboard", "wandb"}
    assert all(f"`{name}`" in page for name in extras)
    named = set(re.findall(r"`([a-z][\w-]*)`", page)) - set(extras) - {"predict"}
    assert named <= packages


class Place:
    """What snippets find: a study in runs/fruit, a picture, COCO files, and the values that they take as given."""

    def __init__(self, folder):
        finished_study(folder / "runs" / "fruit")
        Image.new("RGB", (64, 48), (90, 90, 90)).save(folder / "photo.jpg")
        box = {"category_id": 1, "bbox": [1, 1, 9, 9]}
        truth = {"images": [{"id": k, "width": 32, "height": 32} for k in (1, 2)]}
        truth["categories"] = [{"id": 1, "name": "apple"}]
        truth["annotations"] = [{**box, "id": k, "image_id": k, "area": 81, "iscrowd": 0} for k in (1, 2)]
        (folder / "instances.json").write_text(json.dumps(truth))
        raw = np.zeros((1, 5, 4), np.float32)
        raw[0, :, 0] = 5.5, 5.5, 9, 9, 0.9
        whole = bench_freeze.Letterbox.fit(32, 32, 32)
        self.values = {
            "image_ids": [1],
            "raw": raw,
            "boxes": [whole],
            "rows": [{**box, "image_id": 2, "score": 0.8}],
            "other": bench_freeze.Evaluator(truth).result(),
        }


SNIPPETS = [block for block in blocks("python", [ROOT / "README.md", *SITE]) if "import" in block.text]
ELSEWHERE = {"docs/howto/onnx_runtime.md"}  # tests/flow/test_out.py runs it


@pytest.mark.parametrize("block", [b for b in SNIPPETS if b.page not in ELSEWHERE], ids=lambda b: f"{b.page}:{b.line}")
def test_a_snippet_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = Place(tmp_path).values
    if "run(study)" in block.text:  # trains: tests/unit/test_public_examples.py does it for real
        pytest.importorskip("pandas")
        kept = ROOT / "bench" / "results" / "fruit9_depths_seeds_320.json"
        monkeypatch.setattr(bench_freeze, "run", lambda study: bench_freeze.Results.load(kept), raising=False)
    exec(block.text, names)


def test_the_snippets_that_run_are_of_several_pages():
    assert len({block.page for block in SNIPPETS}) >= 5
