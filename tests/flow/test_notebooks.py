"""The notebooks of examples/ run from the first cell to the last, in an empty folder."""

import json
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def test_there_are_notebooks():
    assert [file.stem for file in NOTEBOOKS] == ["first_study", "score_checkpoints"]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_no_outputs_are_kept_in_a_notebook(file):
    for cell in json.loads(file.read_text())["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.slow
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_runs(file, tmp_path):
    nbformat = pytest.importorskip("nbformat", reason="nbclient is not installed")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("pandas")
    notebook = nbformat.read(file, as_version=4)
    nbclient.NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    kinds = {kind for output in shown for kind in output.get("data", ())}
    assert {"text/markdown", "text/html"} <= kinds
    frames = [output for output in shown if "<iframe" in str(output.get("data", {}).get("text/html", ""))]
    assert len(frames) == 1
    # Ray, which Ultralytics imports where it is installed, says that notebooks look better with another package.
    said = [output["text"] for output in shown if output.get("name") == "stderr"]
    assert not [text for text in said if "Missing packages: ['ipywidgets']" not in text]
