"""A results file that is read in the background: the same columns, output and errors as without."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from bench_freeze import cli
from bench_freeze.data.coco import parse_instances, read_results
from bench_freeze.kernels.results_ahead import ResultsAhead, reading_threads

BOX = [1.5, 2.0, 30.25, 40.0]
INSTANCES = {
    "images": [{"id": 7, "file_name": "a.jpg", "width": 64, "height": 64}, {"id": 9}],
    "categories": [{"id": 3, "name": "pear"}],
    "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": BOX, "area": 1200, "iscrowd": 0}],
}
ROW = {"image_id": 7, "category_id": 3, "bbox": BOX, "score": 0.5}


@pytest.fixture
def files(tmp_path):
    """Writes both files; the text of the results can be anything."""

    def write(results, instances=INSTANCES):
        gt, dt = tmp_path / "gt.json", tmp_path / "dt.json"
        gt.write_text(json.dumps(instances))
        if results is not None:
            dt.write_text(results if isinstance(results, str) else json.dumps(results))
        return gt, dt

    return write


def texts(instances):
    """The same with ids of text, which the compiled reader leaves to another one."""
    images = [one | {"id": str(one["id"])} for one in instances["images"]]
    return instances | {"images": images, "annotations": [one | {"image_id": "7"} for one in instances["annotations"]]}


@pytest.mark.parametrize("rows", [[], [ROW], [ROW | {"score": n / 5000} for n in range(5000)]])
def test_the_columns_are_those_of_the_usual_reader(files, rows):
    gt, dt = files(rows)
    truth = parse_instances("gt", gt.read_bytes()).ground_truth
    usual, ahead = read_results(dt, truth), read_results(dt, truth, ahead=ResultsAhead(dt, 2))
    assert len(ahead.detections) == len(rows)
    for name in ("image_index", "labels", "boxes_xywh", "scores"):
        np.testing.assert_array_equal(getattr(ahead.detections, name), getattr(usual.detections, name))


@pytest.mark.parametrize(
    ("results", "instances"),
    [
        ([ROW], INSTANCES),
        ([ROW | {"score": 1}], INSTANCES),
        ([ROW | {"image_id": 7.0}], INSTANCES),
        ([ROW | {"image_id": "7"}], texts(INSTANCES)),
        ([ROW | {"image_id": 8}], INSTANCES),
        ([ROW | {"bbox": [1, 2, 3]}], INSTANCES),
        ("[{", INSTANCES),
        ("", INSTANCES),
        (None, INSTANCES),
        ([ROW], {}),
    ],
)
def test_output_status_and_errors_do_not_depend_on_it(files, results, instances, capsys):
    gt, dt = files(results, instances)
    said = []
    for threads in ("1", "3"):
        status = cli.main(["eval", "--gt", str(gt), "--dt", str(dt), "--threads", threads])
        said.append((status, *capsys.readouterr()))
    assert said[0] == said[1]
    assert said[0][0] in (0, 2)


def test_what_is_not_a_file_is_left_to_the_usual_reader(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("", "pipe", "missing"):
        assert ResultsAhead(tmp_path / name, 1).take() == (False, None)


def test_a_form_that_needs_a_full_parser_is_told_from_a_file_that_was_not_read(files):
    _, dt = files([ROW | {"image_id": 7.0}])
    assert ResultsAhead(dt, 1).take() == (True, None)


def test_the_columns_are_used_and_handed_over(files):
    gt, dt = files([ROW])
    truth = parse_instances("gt", gt.read_bytes()).ground_truth
    ahead = ResultsAhead(dt, 1)
    ahead._thread.join()
    dt.unlink()
    assert len(read_results(dt, truth, ahead=ahead).detections) == 1
    assert ahead.take() == (False, None)


def test_an_error_while_the_results_are_still_read_ends_the_command(files, tmp_path):
    gt, dt = files(json.dumps([ROW] * 200_000))
    command = [sys.executable, "-m", "bench_freeze", "eval", "--gt", gt, "--dt", dt, "--threads", "2"]
    done = subprocess.run([*command, "--protocol", "none"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "protocol" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_loads_before_numpy():
    code = "import sys, bench_freeze.kernels.results_ahead; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_scoring_a_file_loads_no_more_than_it_needs(files):
    """Each of these modules costs a millisecond or more of a process that takes 200."""
    gt, dt = files(json.dumps([ROW]))
    code = f"""
import sys
from bench_freeze import cli
assert cli.main(["eval", "--gt", {str(gt)!r}, "--dt", {str(dt)!r}, "--json"]) == 0
idle = "kernels.suppression kernels.cuda kernels.device_array evaluate.given evaluate.bootstrap evaluate.curves".split()
loaded = [name for name in idle if "bench_freeze." + name in sys.modules]
loaded += [name for name in ("difflib", "numpy.ma", "logging", "tempfile", "rich") if name in sys.modules]
sys.exit(f"loaded: {{loaded}}" if loaded else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_one_thread_stays_with_the_caller_unless_the_file_is_large():
    small, large = 50 << 20, 1 << 30
    assert [reading_threads(small, threads) for threads in (1, 2, 3, 8)] == [1, 1, 2, 7]
    assert [reading_threads(large, threads) for threads in (1, 2, 3, 8)] == [1, 2, 3, 8]
    assert [reading_threads(200 << 20, threads) for threads in (2, 4, 5)] == [2, 4, 4]
