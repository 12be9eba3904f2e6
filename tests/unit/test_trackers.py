"""What trackers are told, read back through their own packages; and how one that fails is left alone."""

import sys

import pytest

from bench_freeze.errors import InputError
from bench_freeze.trackers.logbook import Logbook
from bench_freeze.trackers.opening import open_logbook
from bench_freeze.trackers.record import parameters_of, picked_files, row_of, training_name
from tests.builders import committed
from tests.unit.report.test_report_training import results


def log(found, names, folder):
    """Log a whole study as a run does."""
    warned = []
    report = folder / "report.html"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text("<p>the report</p>")
    with open_logbook(names, folder) as book:
        book.start(found, warned.append)
        for row in found.rows:
            book.row(row)
        book.finish(found, [report, folder / "missing.onnx"])
    return warned


def test_numbers_are_those_of_the_rows():
    found = committed()
    row = found.rows[0]
    told = row_of(row)
    assert told.training == training_name(row) == f"freeze {row.freeze} seed 0"
    assert told.numbers["target/map"] == row.target.map
    assert told.numbers["base/change"] == row.base_delta_map
    assert told.numbers["latency/model_p50_s"] == row.latency.model.p50_s
    assert parameters_of(found)["freeze"] == "22,15,10"


def test_the_recommended_file_is_found(tmp_path):
    found = committed()
    files = [row.artifact.file for row in found.rows if row.artifact.file]
    assert [str(path.relative_to(tmp_path)) for path in picked_files(found, tmp_path)] in ([], *([f] for f in files))


class Failing:
    name = "failing"

    def __init__(self):
        self.calls = 0

    def __getattr__(self, name):
        def call(*args, **kwargs):
            self.calls += 1
            raise ConnectionError("the server\nis gone")

        return call


def test_a_tracker_that_fails_is_warned_of_once_and_ends_nothing():
    found, warned, failing = results(), [], Failing()
    book = Logbook([failing])
    book.start(found, warned.append)
    book.row(found.rows[0])
    assert book.finish(found, [])  # it had failed before, and was said then
    book.close(failed=False)
    assert warned == ["failing failed, so the rest of this run is not logged there: the server is gone"]
    assert failing.calls == 2  # what failed, and the attempt to end it


def test_a_tracker_that_fails_at_its_end_is_heard_of_in_time():
    class AtTheEnd(Failing):
        def start(self, about, parameters):
            pass

        files = row = training = lambda self, told: None

    warned = []
    book = Logbook([AtTheEnd()])
    book.start(results(), warned.append)
    assert not book.finish(results(), [])  # the results are written once more
    assert len(warned) == 1


@pytest.mark.parametrize(("name", "module"), [("mlflow", "mlflow"), ("wandb", "wandb"), ("tensorboard", "tensorboard")])
def test_a_package_that_is_missing_is_a_sentence(tmp_path, monkeypatch, name, module):
    for loaded in [
        known for known in sys.modules if known.split(".")[0] == module or "torch.utils.tensorboard" in known
    ]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, module, None)
    with (
        pytest.raises(InputError, match=rf"--log {name} needs the package {name} .*bench-freeze\[{name}\]"),
        open_logbook([name], tmp_path),
    ):
        pass


@pytest.mark.slow
def test_mlflow_has_a_run_for_the_study_and_one_for_each_training(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="needs mlflow: pip install 'bench-freeze[mlflow]'")
    from mlflow.tracking import MlflowClient

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store := _mlflow_store(tmp_path))
    mlflow.set_tracking_uri(store)
    found = results()
    assert log(found, ["mlflow"], tmp_path / "out") == []
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("bench-freeze")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"out", "freeze 22 seed 0", "freeze 15 seed 0", "freeze 10 seed 0"}
    study = runs.pop("out")
    assert study.data.params["freeze"] == "22,15,10"
    assert study.info.status == "FINISHED"
    assert [file.path for file in client.list_artifacts(study.info.run_id)] == ["report.html"]
    for row in found.rows:
        run = runs[training_name(row)]
        assert run.data.tags["mlflow.parentRunId"] == study.info.run_id
        assert run.data.metrics[f"{row_of(row).name}/target/map"] == row.target.map
        history = client.get_metric_history(run.info.run_id, "held_out/base_map")
        points = row.train.curves.held_out.points
        assert [(m.step, m.value) for m in history] == [(p.epoch, p.base_map) for p in points]


def _mlflow_store(folder):
    """A file store where MLflow still has one, else SQLite."""
    from mlflow.tracking import MlflowClient

    for store in ((folder / "mlruns").as_uri(), f"sqlite:///{folder}/mlflow.db"):
        try:
            MlflowClient(store).search_experiments(max_results=1)
        except Exception as error:  # newer versions refuse files; mlflow-skinny has no database
            refused = error
            continue
        return store
    pytest.skip(f"this mlflow has no local store: {refused}")


def test_mlflow_without_its_server_is_a_sentence(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="needs mlflow: pip install 'bench-freeze[mlflow]'")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    import mlflow

    mlflow.set_tracking_uri("http://127.0.0.1:9")
    with pytest.raises(InputError, match="--log mlflow cannot be used: "), open_logbook(["mlflow"], tmp_path):
        pass
    mlflow.set_tracking_uri(None)


def test_tensorboard_has_the_curves_and_a_second_run_replaces_them(tmp_path):
    pytest.importorskip("tensorboard", reason="needs tensorboard: pip install 'bench-freeze[tensorboard]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = results()
    for _ in range(2):
        assert log(found, ["tensorboard"], tmp_path) == []
    for freeze in (22, 15, 10):
        events = EventAccumulator(str(tmp_path / "tensorboard" / f"freeze {freeze} seed 0"))
        events.Reload()
        curves = next(row.train.curves for row in found.rows if row.freeze == freeze)
        read = [(event.step, event.value) for event in events.Scalars("held_out/base_map")]
        assert read == [(p.epoch, pytest.approx(p.base_map)) for p in curves.held_out.points]
        assert [event.step for event in events.Scalars("loss/cls")] == [1, 2]
    row = found.rows[0]
    rows = EventAccumulator(str(tmp_path / "tensorboard" / training_name(row) / row_of(row).name))
    rows.Reload()
    assert rows.Scalars("target/map")[0].value == pytest.approx(row.target.map)
    study = EventAccumulator(str(tmp_path / "tensorboard"))
    study.Reload()
    assert {"study/text_summary", "files/text_summary"} <= set(study.Tags()["tensors"])


def joined(content):
    """The records of a .wandb file in a row: LevelDB's log cuts them where its blocks of 32 KiB end."""
    records, at = b"", 7  # behind the file's own head
    while at + 7 <= len(content):
        room = 32768 - at % 32768
        if room < 7:
            at += room
            continue
        length = int.from_bytes(content[at + 4 : at + 6], "little")
        records += content[at + 7 : at + 7 + length]
        at += 7 + length
    return records


def test_wandb_offline_has_the_run(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="needs wandb: pip install 'bench-freeze[wandb]'")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "data"))
    found = results()
    assert log(found, ["wandb"], tmp_path / "out") == []
    (written,) = (tmp_path / "out" / "wandb").glob("offline-run-*/run-*.wandb")
    content = joined(written.read_bytes())
    assert b"freeze 10 seed 0/held_out/base_map" in content
    assert b"report.html" in content


def test_wandb_without_a_login_is_a_sentence(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="needs wandb: pip install 'bench-freeze[wandb]'")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with pytest.raises(InputError, match="--log wandb is not logged in"), open_logbook(["wandb"], tmp_path):
        pass
