"""`bench-freeze profile` on a real, tiny ONNX file through ONNX Runtime."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from tests.board import Board

from bench_freeze import cli
from bench_freeze.data import loader
from bench_freeze.data.images import read_image
from bench_freeze.engines.base import Head, ModelCard
from bench_freeze.engines.ort_engine import CARD_KEY, OrtEngine
from bench_freeze.measure import sampler
from bench_freeze.measure.telemetry.power_modes import PowerModes
from bench_freeze.profile import power
from bench_freeze.profile.batches import BatchFits
from bench_freeze.profile.concurrency import PARTS
from bench_freeze.profile.source import Source
from bench_freeze.results.profile import decode_profile

SIZE = 32
QUICK = ["--seconds", "0.3", "--samples", "40"]


def write_model(file, batch):
    """[B, 3, 32, 32] pooled to 4 x 4 and doubled: [B, 6, 16], a head of two classes."""
    size = batch or "batch"
    shape = numpy_helper.from_array(np.array([0, 6, 16], np.int64), "shape")
    graph = helper.make_graph(
        [
            helper.make_node("AveragePool", ["images"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
            helper.make_node("Concat", ["pooled", "pooled"], ["doubled"], axis=1),
            helper.make_node("Reshape", ["doubled", "shape"], ["base"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [size, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("base", TensorProto.FLOAT, [size, 6, 16])],
        [shape],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    card = ModelCard((Head("base", ("a", "b"), "raw"),), SIZE, batch, None)
    helper.set_model_props(model, {CARD_KEY: json.dumps(card.to_dict())})
    onnx.save(model, file)
    return file


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_model(tmp_path / "tiny.onnx", None)


def test_everything_about_a_model_of_any_batch(model, capsys):
    write_model(model.with_name("other.onnx"), None)
    asked = ["--batch", "2,4", "--max-batch", "5", "--rate", "200", "--vs", "other.onnx"]
    assert cli.main(["profile", "tiny.onnx", *QUICK, *asked, "--json"]) == 0
    printed = capsys.readouterr().out
    profile = decode_profile(printed.encode())
    assert printed == (model.parent / "tiny.profile.json").read_text()
    assert profile.finished
    assert (profile.batch, profile.engine["threads"]) == (2, 1)
    assert profile.model["heads"] == ["base"]
    assert 0 < profile.latency.model.p50_s < profile.latency.pipeline.p50_s
    assert list(profile.latency.pipeline.stages_s) == ["read", "letterbox", "engine", "scorer"]
    assert profile.latency.pipeline.unaccounted_s < 1e-3
    assert profile.latency.telemetry["after"]["cpu"]["at_s"] > profile.latency.telemetry["before"]["cpu"]["at_s"]
    assert profile.latency.model.verdict in {"VALID", "AMBIGUOUS", "INVALID"}
    assert len(profile.cold.load_s) == len(profile.cold.first_call_s) == 3
    assert profile.paced.latency.n > 0
    assert [t.batch for t in profile.throughput] == [2, 4]
    assert (profile.largest_batch.batch, profile.largest_batch.limited_by) == (5, "the limit asked for")
    assert profile.versus.rounds == len(profile.versus.a_s) / 2
    assert profile.versus.low <= profile.versus.ratio <= profile.versus.high
    assert profile.energy is not None or "energy" in profile.missing


def test_several_streams_on_one_engine_and_on_one_each(model, capsys):
    asked = ["--concurrency", "1,3", "--rate", "40", "--seconds", "0.8", "--samples", "40"]
    assert cli.main(["profile", "tiny.onnx", *asked]) == 0
    profile = decode_profile((model.parent / "tiny.profile.json").read_bytes())
    assert [(load.streams, load.engines) for load in profile.streams] == [(1, 1), (3, 1), (3, 3)]
    for load in profile.streams:
        assert load.frames == load.streams * PARTS * 4  # of 0.1 s each at 40 Hz
        assert load.dropped == load.frames - load.latency.n
        assert load.late == sum(seconds > 1 / 40 for seconds in load.latency.samples_s)
        assert 0 < load.images_per_s <= load.streams * 40 * 1.01
    assert "3 stream(s) at 40 Hz, 3 engines of" in capsys.readouterr().out


def test_streams_without_a_rate_ask_again_with_every_result(model):
    assert cli.main(["profile", "tiny.onnx", "--concurrency", "2", "--seconds", "0.4", "--samples", "40"]) == 0
    profile = decode_profile((model.parent / "tiny.profile.json").read_bytes())
    assert [(load.streams, load.engines, load.rate_hz, load.late) for load in profile.streams] == [
        (2, 1, None, None),
        (2, 2, None, None),
    ]
    assert all(load.dropped == 0 and load.frames == load.latency.n > 2 * PARTS for load in profile.streams)


def test_engines_that_do_not_fit_beside_each_other_are_named(model, monkeypatch, capsys):
    opened = []

    def open_one(source, threads=None, spin="always"):
        if spin != "always" and len(opened) == 2:
            raise MemoryError("no room for another")
        opened.append(threads) if spin != "always" else None
        return OrtEngine(source.file, "cpu", threads)

    monkeypatch.setattr(Source, "open", open_one)
    assert cli.main(["profile", "tiny.onnx", "--concurrency", "1,2", "--seconds", "0.2", "--samples", "20"]) == 0
    profile = decode_profile((model.parent / "tiny.profile.json").read_bytes())
    assert [(load.streams, load.engines) for load in profile.streams] == [(1, 1), (2, 1)]
    assert profile.finished
    assert "not measured: 2 streams on 2 engines: 2 engines could not be opened together: no room" in (
        capsys.readouterr().out
    )


def test_power_modes_are_measured_and_the_board_is_as_before(model, monkeypatch, tmp_path, capsys):
    folder = tmp_path / "board"
    folder.mkdir()
    board = Board(folder)
    monkeypatch.setenv("PATH", board.path)
    monkeypatch.setattr(PowerModes.__init__, "__defaults__", (None, board.configuration))
    monkeypatch.setattr(power, "SETTLE_SECONDS", 0.0)
    assert cli.main(["profile", "tiny.onnx", *QUICK, "--power-modes", "all"]) == 0
    profile = decode_profile((model.parent / "tiny.profile.json").read_bytes())
    assert [mode.name for mode in profile.power_modes] == ["MAXN", "MODE_15W", "MODE_50W"]
    assert [mode.latency is not None for mode in profile.power_modes] == [True, True, False]
    assert board.state == (1, 729600, False)
    printed = capsys.readouterr().out
    assert "power mode MODE_50W: not measured: MODE_50W cannot be set while the board runs" in printed
    assert "power mode MAXN: p50 " in printed


def test_a_machine_that_is_no_board_says_so_before_anything_is_measured(model, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.main(["profile", "tiny.onnx", *QUICK, "--power-modes", "all"]) == 2
    assert "--power-modes is for a Jetson" in capsys.readouterr().err
    assert not (model.parent / "tiny.profile.json").exists()


def test_a_summary_for_people_on_images_of_ones_own(model, tmp_path, capsys):
    images = tmp_path / "photos"
    images.mkdir()
    Image.new("RGB", (40, 20), "red").save(images / "one.png")
    assert cli.main(["profile", "tiny.onnx", *QUICK, "--images", "photos", "--criterion", "entropy"]) == 0
    text = capsys.readouterr().out
    assert "16 in turn, of photos" in text
    assert "p99  unavailable: 622 more samples needed" in text
    assert "model, sustained: " in text
    assert "stages: read " in text


@pytest.mark.parametrize("after_reads", [False, True], ids=["in the model scope", "in the pipeline scope"])
def test_an_engine_that_dies_in_mid_run_leaves_its_samples_on_disk(model, monkeypatch, capsys, after_reads):
    """It dies at the 50th call, which is behind the warm-up of either scope and before its end."""
    real, calls, reads = OrtEngine.infer, 0, 0

    def infer(self, images):
        nonlocal calls
        calls += reads > 4 + 16 or not after_reads  # images of the profile, then of the model scope
        if calls > 50:
            raise RuntimeError("CUDA error: device lost")
        return real(self, images)

    def read(path):
        nonlocal reads
        reads += 1
        return read_image(path)

    monkeypatch.setattr(OrtEngine, "infer", infer)
    monkeypatch.setattr(loader, "read_image", read)
    monkeypatch.setattr(sampler, "WARMUP_MAX_CALLS", 20)
    monkeypatch.setattr(sampler, "WARMUP_SECONDS", 60.0)  # so it has 20 calls however slow the machine is
    assert cli.main(["profile", "tiny.onnx", "--seconds", "60", "--samples", "35" if after_reads else "99"]) == 3
    assert "device lost; what was measured before is in" in capsys.readouterr().err
    profile = json.loads((model.parent / "tiny.profile.json").read_text())
    assert not profile["finished"]
    assert "device lost" in profile["failure"]
    assert profile["partial"]["n"] == len(profile["partial"]["samples_s"]) == 30
    assert profile["partial"]["verdict"] == "INVALID"
    assert (profile["latency"] is not None) == after_reads
    if after_reads:
        assert profile["latency"]["model"]["n"] == 35


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.onnx"], "no such file"),
        (["tiny.onnx", "--vs", "missing.onnx"], "no such file"),
        (["tiny.onnx", "--batch", "two"], "whole numbers"),
        (["tiny.onnx", "--batch", "0"], "at least 1"),
        (["tiny.onnx", "--seconds", "0"], "above 0"),
        (["tiny.onnx", "--seconds", "nan"], "above 0"),
        (["tiny.onnx", "--rate", "-1"], "above 0"),
        (["tiny.onnx", "--concurrency", "0"], "from 1 to 64"),
        (["tiny.onnx", "--concurrency", "1,many"], "--concurrency 1,many: give whole numbers"),
        (["tiny.onnx", "--images", "."], "no images"),
        (["fixed.onnx", "--batch", "1,2"], "batches of 1 only"),
        (["fixed.onnx", "--max-batch", "8"], "batches of 1 only"),
        (["broken.onnx"], "cannot be loaded"),
        (["some.plan"], "plan"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_sentence(model, arguments, words, capsys):
    write_model(model.with_name("fixed.onnx"), 1)
    for name in ("broken.onnx", "some.plan"):
        model.with_name(name).write_bytes(b"not a model")
    assert cli.main(["profile", *arguments]) == 2
    message = capsys.readouterr().err
    assert words in message
    assert "Traceback" not in message


def test_a_batch_beyond_the_memory_is_not_tried(model):
    engine = OrtEngine(model)
    images = np.zeros((2, 3, SIZE, SIZE), np.float32)
    fits = BatchFits(engine, images, budget_bytes=images.nbytes)
    assert not fits(1000)
    assert "memory" in fits.limited_by
    engine.infer = lambda images: 1 / 0  # type: ignore[method-assign, assignment, return-value]
    assert not BatchFits(engine, images)(1)


def test_content_says_what_a_file_is_not_its_name(model):
    from bench_freeze.profile.source import locate

    other = model.rename(model.with_name("tiny.plan"))
    assert locate(other, None, "cpu", other.parent, print).engine == "ort"
    assert cli.main(["profile", "tiny.plan", *QUICK]) == 0


def test_what_a_file_drops_by_itself_is_said_and_kept(model, capsys):
    from tests.unit.engines.onnx_models import DETECT, write

    write(model, DETECT | {"args": "{'nms': True, 'conf': 0.3}"}, (1, 300, 6))
    assert cli.main(["profile", "tiny.onnx", *QUICK]) == 0
    assert "itself drops detections below 0.3" in capsys.readouterr().err
    kept = json.loads((model.parent / "tiny.profile.json").read_text())
    assert "itself drops detections below 0.3" in kept["settings"]["notes"][0]
