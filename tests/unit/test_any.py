"""`Any` stands where a third party's value enters, and nowhere else: how often it may, and what enters there."""

import ast
from pathlib import Path

import pytest

import bench_freeze

PACKAGE = Path(bench_freeze.__file__).parent
ALLOWED = {
    "analysis": (1, "names that NumPy's savez takes"),
    "artifact.py": (0, ""),
    "data": (0, ""),
    "demo": (6, "what a saved checkpoint describes; the file's bytes stand in the key of the demo's data"),
    "deployment": (6, "a measurement's telemetry and facts, which are json; names that NumPy's savez takes"),
    "diff": (0, ""),
    "dualhead": (7, "pickled states and their constructors; what a layer of Ultralytics puts out"),
    "engines": (22, "PyCUDA's and TensorRT's objects; literals in the metadata of another exporter's file"),
    "environment.py": (0, ""),
    "evaluate": (0, ""),
    "export": (0, ""),
    "files.py": (1, "json: an object's values have the types that their reader expects"),
    "finetune": (2, "Ultralytics' batches and the parameter groups of torch's optimizers"),
    "finite.py": (0, ""),
    "gallery": (1, "the inputs of a kept artifact, which are json"),
    "kernels": (4, "a caller's arrays and numbers, of any library and type"),
    "predict": (11, "OpenCV's and supervision's objects; an image in any form that a caller has it in; COCO's json"),
    "profile": (0, ""),
    "trackers": (3, "a client, a writer and a run of the trackers' own packages"),
    "shipping": (0, ""),
    "transfer": (4, "names that NumPy's savez takes"),
}


def names_of_any(file):
    return sum(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(ast.parse(file.read_text())))


@pytest.mark.parametrize("room", ALLOWED)
def test_any_is_no_more_than_what_enters(room):
    path = PACKAGE / room
    found = sum(map(names_of_any, [path] if path.is_file() else path.rglob("*.py")))
    most, what = ALLOWED[room]
    assert found <= most, f"{room} has {found} of {most} ({what}): give the value its type, or say here what enters"
