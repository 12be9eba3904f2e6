"""Everything public has a docstring with an example that runs, on the results of a real study."""

import doctest
import inspect
import shutil
import warnings
from pathlib import Path

import pytest
from PIL import Image

import bench_freeze
from tests.builders import RESULTS
from tests.tiny_onnx import write_two_heads

CONSTANTS = {"PROTOCOLS", "__version__"}  # values of Python's own types, which carry no docstring
NEEDS = {"bench_freeze.Results.to_pandas": "pandas"}
TRAINS = {"run"}


def examples():
    """Every public name, and what it has in it, with the examples of its docstring."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in bench_freeze.__all__:
        if name not in CONSTANTS:
            for test in finder.find(getattr(bench_freeze, name), f"bench_freeze.{name}", globs={}):
                if test.examples:
                    marks = [pytest.mark.slow] if name in TRAINS else []
                    yield pytest.param(test, id=test.name, marks=marks)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the results of a study in runs/fruit, a model that finds one pear, and a picture."""
    monkeypatch.chdir(tmp_path)
    write_two_heads(tmp_path / "model.onnx")
    Image.new("RGB", (64, 48), "red").save(tmp_path / "image.png")
    (tmp_path / "runs" / "fruit").mkdir(parents=True)
    shutil.copy(RESULTS / "fruit9_depths_seeds_320.json", tmp_path / "runs" / "fruit" / "results.json")


@pytest.mark.parametrize("test", list(examples()))
def test_the_example_gives_what_it_says(test, here):
    if test.name in NEEDS:
        pytest.importorskip(NEEDS[test.name])
    said = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False).run(test, out=said.append)
    assert not failed, "".join(said)


@pytest.mark.parametrize("name", sorted(set(bench_freeze.__all__) - CONSTANTS))
def test_every_public_name_has_an_example(name):
    assert ">>>" in (inspect.getdoc(getattr(bench_freeze, name)) or "")


def test_what_a_constant_is_stands_beside_it():
    assert bench_freeze.PROTOCOLS[0] == "coco"
    assert Path(bench_freeze.__file__).is_file()
