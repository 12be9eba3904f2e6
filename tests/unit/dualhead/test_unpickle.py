"""Files of torch are read through an allow-list: what is on it, what is not, and that nothing off it runs."""

import argparse
import ast
import io
import os
import pathlib
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bench_freeze
from bench_freeze.demo.checkpoint import write_base_checkpoint
from bench_freeze.dualhead.checkpoint import load_checkpoint, save_checkpoint
from bench_freeze.dualhead.pickle_scan import globals_of, pickle_of
from bench_freeze.dualhead.unpickle import load_model_file, load_plain
from bench_freeze.errors import InputError
from bench_freeze.finetune.progress import Progress, ProgressStore

pytestmark = pytest.mark.slow

PACKAGE = Path(bench_freeze.__file__).parent


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_base_checkpoint(tmp_path_factory.mktemp("weights") / "base.pt")


class Call:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def payloads(trace):
    """Calls that would leave `trace` behind, with the name that must be refused."""
    return {
        "posix.system": Call(os.system, f"touch {trace}"),
        "builtins.eval": Call(eval, f"open({str(trace)!r}, 'w')"),
        "builtins.exec": Call(exec, f"open({str(trace)!r}, 'w')"),
        "subprocess.Popen": Call(subprocess.Popen, ["touch", str(trace)]),
        "io.open": Call(io.open, str(trace), "w"),
        "pathlib.Path": Call(pathlib.Path, str(trace)),  # harmless, and still not on the list
        "argparse.FileType": Call(argparse.FileType, "w"),
    }


def torch_bytes(content, **options):
    import torch

    stream = io.BytesIO()
    torch.save(content, stream, **options)
    return stream.getvalue()


FORMS = {
    "torch": lambda payload: torch_bytes({"model": payload}),
    "torch, old form": lambda payload: torch_bytes({"model": payload}, _use_new_zipfile_serialization=False),
    "torch, protocol 4": lambda payload: torch_bytes([payload], pickle_protocol=4),
    **{f"pickle {k}": lambda payload, k=k: pickle.dumps({"key": payload}, k) for k in range(6)},
}


@pytest.mark.parametrize("name", payloads("x"))
@pytest.mark.parametrize("form", FORMS)
def test_a_payload_is_named_and_does_not_run(tmp_path, form, name):
    trace = tmp_path / "trace"
    content = FORMS[form](payloads(trace)[name])
    for read in (load_plain, load_model_file):
        with pytest.raises(InputError) as error:
            read(content, "planted.pt")
        assert name in str(error.value)
        assert str(error.value).startswith("planted.pt")
    assert not trace.exists()


def test_without_the_list_the_payloads_do_run(tmp_path):
    """Otherwise the test above would show nothing."""
    trace = tmp_path / "trace"
    load_model_file(FORMS["torch"](payloads(trace)["posix.system"]), "planted.pt", trust=True)
    assert trace.exists()


@pytest.mark.parametrize("name", [n for n in payloads("x") if n != "pathlib.Path"])
def test_a_payload_in_a_progress_file(tmp_path, name):
    trace, store = tmp_path / "trace", ProgressStore(tmp_path)
    store.path("k" * 64).write_bytes(torch_bytes({"key": "k" * 64, "epoch": payloads(trace)[name]}))
    with pytest.raises(InputError) as error:
        store.load("k" * 64)
    assert name in str(error.value)
    assert store.path("k" * 64).name in str(error.value)
    assert not trace.exists()


def test_layers_are_not_built_by_their_constructor(tmp_path):
    """Ultralytics evaluates a text of the description where a model is constructed from it."""
    from ultralytics.nn.tasks import DetectionModel

    trace = tmp_path / "trace"
    description = {
        "nc": 1,
        "activation": f"open({str(trace)!r}, 'w')",
        "backbone": [[-1, 1, "Conv", [8, 3, 2]]],
        "head": [[[0], 1, "Detect", ["nc"]]],
    }
    content = torch_bytes({"model": Call(DetectionModel, description)})
    model = load_model_file(content, "planted.pt")["model"]
    assert type(model) is DetectionModel
    assert not hasattr(model, "yaml")
    (tmp_path / "planted.pt").write_bytes(content)
    with pytest.raises(InputError, match="the model has no 'yaml'"):
        load_checkpoint(tmp_path / "planted.pt")
    assert not trace.exists()


@pytest.mark.parametrize("function", ["apply", "__class__", "__init__", "load_state_dict", "type"])
def test_getattr_gives_a_layers_own_forward_and_nothing_else(function):
    import torch

    layer = torch.nn.Conv2d(1, 1, 1)
    own = load_model_file(torch_bytes([layer, Call(getattr, layer, "forward")]), "x.pt")
    assert own[1] == own[0].forward
    with pytest.raises(InputError, match=f"builtins.getattr of Conv2d, '{function}'"):
        load_model_file(torch_bytes([layer, Call(getattr, layer, function)]), "x.pt")
    with pytest.raises(InputError, match="builtins.getattr of"):
        load_model_file(torch_bytes([Call(getattr, torch.nn.Conv2d, function)]), "x.pt")


def test_own_files_hold_no_layers():
    import torch

    with pytest.raises(InputError, match=r"torch\.nn\.modules\.conv\.Conv2d"):
        load_plain(torch_bytes([torch.nn.Conv2d(1, 1, 1)]), "progress.pt")


def test_plain_values_come_back():
    import torch

    values = {
        "tensor": torch.arange(6.0).reshape(2, 3).half(),
        "array": np.arange(12, dtype=">i4").reshape(3, 4)[:, ::2],
        "columns": np.asfortranarray(np.random.default_rng(0).random((3, 4))),
        "empty": np.zeros((0, 3), np.float32),
        "scalars": [np.float64(0.1), np.int64(-3), np.float32(2.5), np.bool_(True)],
        "state": np.random.RandomState(3).get_state(),
        "rest": (1, 2**80, None, "text", {"a": {1, 2}}, b"bytes", -1.5),
    }
    found = load_plain(torch_bytes(values), "own.pt")
    assert torch.equal(found["tensor"], values["tensor"])
    for key in ("array", "columns", "empty"):
        assert found[key].dtype == pickle.loads(pickle.dumps(values[key], 2)).dtype
        np.testing.assert_array_equal(found[key], values[key])
    assert found["scalars"] == values["scalars"]
    np.testing.assert_array_equal(found["state"][1], values["state"][1])
    assert found["rest"] == values["rest"]
    generator = np.random.RandomState(0)
    generator.set_state(found["state"])
    assert generator.random() == np.random.RandomState(3).random()


class Raw:
    """An array's pickle with a state of one's own choosing."""

    def __init__(self, *state):
        self.state = state

    def __reduce__(self):
        reconstruct, arguments, _ = np.zeros(1).__reduce__()  # type: ignore[str-unpack]
        return reconstruct, arguments, self.state


@pytest.mark.parametrize(
    "planted",
    [
        np.array([len], dtype=object),
        np.array([(1, 2)], dtype=[("a", int), ("b", int)]),
        np.array(["text"]),
        Raw(1, (10**6,), np.dtype(float), False, b"12345678"),
        Raw(1, (-1, -1), np.dtype(float), False, b"12345678"),
        Raw(1, (1,), "f8", False, b"12345678"),
        Raw(1, (1,), np.dtype(float), False, [len]),
    ],
)
def test_arrays_of_other_things_than_numbers_are_refused(planted):
    with pytest.raises(InputError):
        load_plain(torch_bytes([planted]), "own.pt")


def test_progress_comes_back(tmp_path):
    import random

    import torch

    store = ProgressStore(tmp_path)
    layer = torch.nn.Conv2d(3, 4, 3)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
    layer(torch.ones(1, 3, 8, 8)).sum().backward()
    optimizer.step()
    states = {"python": random.getstate(), "numpy": np.random.get_state(), "torch": torch.get_rng_state()}  # noqa: NPY002
    store.save({"key": Progress(3, {"optimizer": optimizer.state_dict()}, {"generators": states})})
    found = store.load("key")
    assert found is not None
    assert found.epoch == 3
    assert torch.equal(found.trainee["optimizer"]["state"][0]["exp_avg"], optimizer.state[layer.weight]["exp_avg"])
    random.setstate(found.order["generators"]["python"])
    np.random.set_state(found.order["generators"]["numpy"])  # noqa: NPY002
    torch.set_rng_state(found.order["generators"]["torch"])
    assert store.load("other") is None
    whole = store.path("key").read_bytes()
    for damaged in (b"", b"text", whole[:100], whole[: len(whole) // 2]):
        store.path("key").write_bytes(damaged)
        assert store.load("key") is None, "what is cut off starts anew"


def test_the_scan_finds_what_every_protocol_imports():
    import collections

    for protocol in range(6):
        pickled = pickle.dumps(
            [Call(os.system, "x"), collections.Counter, Call(os.system, "y"), "posix", eval], protocol
        )
        assert set(globals_of(pickled)) == {"posix.system", "collections.Counter", "builtins.eval"}
    old = torch_bytes({"a": Call(os.system, "x")}, _use_new_zipfile_serialization=False)
    assert "posix.system" in globals_of(pickle_of(old, "old.pt"))


CUSTOM = """
import ultralytics.nn.modules.conv as conv


class TwiceConv(conv.Conv):
    def forward(self, x):
        return 2 * super().forward(x)
"""


def test_trust_lets_classes_of_ones_own_in(weights, tmp_path, monkeypatch):
    import torch

    (tmp_path / "own_layers.py").write_text(CUSTOM)
    monkeypatch.syspath_prepend(tmp_path)
    from own_layers import TwiceConv

    model = load_checkpoint(weights).model
    plain = model(torch.ones(1, 3, 64, 64))[0]
    model.model[0].__class__ = TwiceConv
    torch.save({"model": model}, tmp_path / "own.pt")
    with pytest.raises(InputError, match=r"own_layers\.TwiceConv.*--trust-checkpoint"):
        load_checkpoint(tmp_path / "own.pt")
    trusted = load_checkpoint(tmp_path / "own.pt", trust=True)
    assert not torch.equal(trusted.model(torch.ones(1, 3, 64, 64))[0], plain)
    # What is trained from it has its layers, and is one of our own files.
    save_checkpoint(tmp_path / "tuned.pt", trusted.model, half=False)
    assert type(load_checkpoint(tmp_path / "tuned.pt", own=True).model.model[0]) is TwiceConv


def test_our_own_checkpoint_is_not_to_be_trusted(tmp_path):
    (tmp_path / "tuned.pt").write_bytes(torch_bytes({"model": Call(os.system, "true")}))
    with pytest.raises(InputError, match=r"posix\.system.*not made by bench-freeze") as error:
        load_checkpoint(tmp_path / "tuned.pt", own=True)
    assert "--trust-checkpoint" not in str(error.value)


def test_torch_reads_files_in_one_place_only():
    readers = []
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called.rpartition(".")[2] in {"torch_load", "torch_safe_load", "Unpickler", "load_module"} or (
                    called in {"torch.load", "torch.jit.load", "pickle.load", "pickle.loads", "tasks.load_checkpoint"}
                ):
                    readers.append(str(file.relative_to(PACKAGE)))
            assert not (isinstance(node, ast.keyword) and node.arg == "allow_pickle"), file
    own_pipes = ["data/file_workers.py"] * 2  # between this process and the workers that it started: no file
    assert readers == [*own_pipes, *["dualhead/unpickle.py"] * 2]


def test_the_list_of_safe_globals_is_left_as_it_was(weights):
    import torch

    before = set(torch.serialization.get_safe_globals())
    load_checkpoint(weights)
    assert set(torch.serialization.get_safe_globals()) == before


def test_the_doctor_looks_into_a_file(weights, tmp_path):
    trace = tmp_path / "trace"
    (tmp_path / "planted.pt").write_bytes(FORMS["torch"](payloads(trace)["posix.system"]))

    def doctor(file):
        command = [sys.executable, "-m", "bench_freeze", "doctor", str(file)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    planted, sound, none = doctor(tmp_path / "planted.pt"), doctor(weights), doctor(tmp_path / "none.pt")
    assert (planted.returncode, sound.returncode, none.returncode) == (0, 0, 2)
    assert "REFUSED  posix.system" in planted.stdout
    assert "REFUSED" not in sound.stdout
    assert "allowed  ultralytics.nn.tasks.DetectionModel" in sound.stdout
    assert "All of it is on the allow-list" in sound.stdout
    assert "no such file" in none.stderr
    assert not trace.exists()
