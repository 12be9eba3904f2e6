"""`bench-freeze transfer` as a command: small checkpoints of two tasks, small sets, the file that it leaves."""

import subprocess
import sys

import numpy as np
import pytest
from tests.families import family_model, write_checkpoint
from tests.transfer_sets import write_shapes, write_stripes

from bench_freeze.results.transfer import decode_transfer

pytestmark = pytest.mark.slow

SOURCES = "one/detector.pt,classifier.pt,scratch"


def bench_freeze(folder, *arguments):
    command = [sys.executable, "-m", "bench_freeze", "transfer", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def results_of(folder):
    return decode_transfer((folder / "transfer.json").read_bytes())


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    """Two checkpoints, and a set of stripes."""
    folder = tmp_path_factory.mktemp("transfer")
    (folder / "one").mkdir()
    write_checkpoint(folder / "one" / "detector.pt", family_model("yolo11n.yaml"))
    write_checkpoint(folder / "classifier.pt", family_model("yolo11n-cls.yaml"))
    write_stripes(folder / "stripes")
    return folder


@pytest.fixture(scope="module")
def finished(problem):
    """The command on all sources: what it printed and its results."""
    asked = ["--weights", SOURCES, "--classify", "stripes", "--data-fractions", "0.25,1", "--seeds", "0,1"]
    done = bench_freeze(problem, *asked, "--imgsz", "64", "--out", "out")
    assert done.returncode == 0, done.stderr
    return done, results_of(problem / "out"), asked


def test_every_tensor_of_every_source_is_accounted_for(finished):
    _, found, _ = finished
    assert found.finished
    assert [(own.name, own.task, own.like) for own in found.sources] == [
        ("detector", "detect", None),
        ("classifier", "classify", None),
        ("scratch", "random", "detector"),
    ]
    models = [family_model("yolo11n.yaml"), family_model("yolo11n-cls.yaml")]
    for own, model in zip(found.sources, models, strict=False):
        assert sorted(own.taken.came + own.taken.left) == sorted(model.state_dict())
        assert own.taken.new == []
    assert found.sources[2].taken.new == found.sources[0].taken.came
    assert "have layers 0 to 8 in common" in found.notes[0]


def test_a_probe_reads_the_classes_and_every_number_follows_from_the_fits(finished):
    done, found, _ = finished
    own = found.classification
    assert (own.train_images, own.test_images, own.classes) == (36, 24, ["lying", "slanted", "standing"])
    assert len(own.fits) == 3 * 2 * 2
    assert {fit.train_samples for fit in own.fits} == {9, 36}
    for accuracy in own.accuracy:
        of_seeds = [
            fit.top1 for fit in own.fits if (fit.source, fit.data_fraction) == (accuracy.source, accuracy.data_fraction)
        ]
        assert accuracy.top1.value == pytest.approx(np.mean(of_seeds))
        assert np.mean(list(accuracy.per_class.values())) == pytest.approx(accuracy.top1.value)  # equally many of each
        assert accuracy.top1.low < accuracy.top1.value < accuracy.top1.high
    assert max(accuracy.top1.value for accuracy in own.accuracy) > 0.6 > own.majority == pytest.approx(1 / 3)
    values = {(accuracy.source, accuracy.data_fraction): accuracy.top1.value for accuracy in own.accuracy}
    for pair in own.comparisons:
        share = pair.data_fraction
        assert pair.difference.value == pytest.approx(values[pair.b, share] - values[pair.a, share])
    assert len(own.comparisons) == 2 * 3
    assert "classifier - detector" in done.stdout


def test_features_are_computed_once_and_found_by_their_content(finished, problem):
    _, found, asked = finished
    again = bench_freeze(problem, *asked, "--imgsz", "64", "--out", "out")
    lines = [line for line in again.stderr.splitlines() if line.startswith("features of")]
    assert len(lines) == 2 * (1 + 1 + 2)  # random weights have other features with every seed
    assert all(line.endswith("kept") for line in lines)
    assert results_of(problem / "out").classification == found.classification


def test_sources_stand_side_by_side_on_the_kept_features(finished, problem):
    asked = ["--weights", SOURCES, "--classify", "stripes", "--seeds", "0,1", "--imgsz", "64", "--side-by-side"]
    done = bench_freeze(problem, *asked, "--out", "out")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("features of")]
    assert all(line.endswith("kept") for line in lines)
    found = results_of(problem / "out").side_by_side
    assert [(pair.a, pair.b) for pair in found.pairs] == [
        ("detector", "classifier"),
        ("detector", "scratch"),
        ("classifier", "scratch"),
    ]
    assert [(own.a, own.b) for own in found.pairs[0].cka] == [*((k, k) for k in range(9)), (10, 9)]
    assert [(own.a, own.b) for own in found.pairs[1].cka] == [(k, k) for k in range(11)]
    for pair in found.pairs:
        assert pair.a_in_b.low < pair.a_in_b.value < pair.a_in_b.high
    assert len(found.labels) == found.images == 60
    assert np.array(found.embeddings[0].points).shape == (2, 60, 2)
    assert "alike in a, in b too" in done.stdout
    for pair in found.pairs:
        assert pair.direction.value == pytest.approx(pair.a_in_b.value - pair.b_in_a.value)
        assert pair.direction.covers == "images"
    page = (problem / "out" / "transfer.html").read_text()
    assert page.count("data:image/jpeg") == 60  # each once, however often it is shown
    assert {found.labels[query.image] for query in found.queries} == {0, 1, 2}
    for query in found.queries:
        assert query.image >= 36  # scored
        for near in query.nearest.values():
            assert len(set(near) - {query.image}) == 6


def test_one_seed_has_numbers_and_no_claim(problem):
    asked = ["--weights", "one/detector.pt,scratch", "--classify", "stripes", "--seeds", "3", "--imgsz", "64"]
    done = bench_freeze(problem, *asked, "--out", "single")
    assert done.returncode == 0, done.stderr
    (pair,) = results_of(problem / "single").classification.comparisons
    assert pair.shown is None
    assert pair.difference.covers in ("images", "nothing")
    assert "no claim" in done.stdout or "every resample" in done.stdout


@pytest.fixture(scope="module")
def objects(problem):
    """A detection set of the demo in the folder, and what the command found on it."""
    from bench_freeze.demo.yolo_layout import write_target_set

    write_target_set(problem / "target", train=40, val=8, test=2, seed=1)
    asked = ["--weights", SOURCES, "--crops", "target/target.yaml", "--seeds", "0,1", "--imgsz", "64"]
    done = bench_freeze(problem, *asked, "--out", "objects")
    assert done.returncode == 0, done.stderr
    return done, results_of(problem / "objects").crops


def test_objects_are_read_in_views_that_they_fill_more_and_less(objects):
    done, found = objects
    assert [own.fill for own in found.accuracy] == [fill for fill in (1.0, 0.5, 0.25, 0.1) for _ in range(3)]
    assert found.test_objects > 8
    for own in found.accuracy:
        groups = own.by_objects
        assert sum(group.samples for group in groups) == found.test_objects
        mean = sum(group.samples * group.top1.value for group in groups) / found.test_objects
        assert mean == pytest.approx(own.top1.value)
        assert own.share >= own.fill - 0.1
    lone = {own.fill: next(g.samples for g in own.by_objects if g.objects == "1") for own in found.accuracy}
    assert lone[1.0] >= lone[0.1]  # a wider view holds no fewer objects
    assert max(own.top1.value for own in found.accuracy) > found.majority
    assert len(found.comparisons) == 4 * 3
    assert "1 in view" in done.stdout


def test_losses_are_of_small_objects_and_of_crowds(objects):
    _, found = objects
    pairs = found.losses["objects that fill little"]
    top1 = {(own.source, own.fill): own.top1.value for own in found.accuracy}
    assert [(pair.a, pair.b) for pair in pairs] == [
        ("detector", "classifier"),
        ("detector", "scratch"),
        ("classifier", "scratch"),
    ]
    for pair in pairs:
        lost = {name: top1[name, 1.0] - top1[name, 0.1] for name in (pair.a, pair.b)}
        assert pair.difference.value == pytest.approx(lost[pair.b] - lost[pair.a])


@pytest.fixture(scope="module")
def looked(objects, problem):
    """The same set looked at: what was printed, the results and the page."""
    asked = ["--weights", SOURCES, "--look", "target/target.yaml", "--seeds", "0,1", "--imgsz", "64"]
    done = bench_freeze(problem, *asked, "--out", "looked")
    assert done.returncode == 0, done.stderr
    return done, results_of(problem / "looked"), (problem / "looked" / "transfer.html").read_text()


def test_covered_objects_are_named_and_their_features_move(looked):
    done, results, _ = looked
    found = results.look
    assert (found.test_objects, found.images) == (found.of_objects, 8)
    assert 0 < found.area_inside < 1
    for own in found.sources:
        assert 0 < own.energy_inside.value < 1
        assert 1 / 4 < own.spread.value <= 1  # of the four cells of a map of 64 pixels
        assert 1 / 4 <= own.quarters.value <= 1
        assert own.whole.change.value == 0
        changes = [own.whole.change.value, *(at.change.value for at in own.curve)]
        assert [at.share for at in own.curve] == [0.125, 0.25, 0.5, 0.75, 1.0]
        assert changes[-1] == 1
        assert changes[1] > 0
    for own in found.sources:
        for at in (own.whole, own.without_quarter, own.without_half, *own.curve):
            named = at.top1.value * found.test_objects * 2 * 4  # of two seeds; at most four views make a mean
            assert named == pytest.approx(round(named))
    values = {own.source: own.spread.value for own in found.sources}
    for pair in found.comparisons["spread of the energy over an object"]:
        assert pair.difference.value == pytest.approx(values[pair.b] - values[pair.a])
    assert "What neurons look at" in done.stdout


def test_the_page_shows_activations_and_answers_of_what_was_measured(looked):
    done, results, page = looked
    assert page.count("data:image/jpeg") == 6
    assert page.count("data:image/png") == 6 * 3
    assert [bool(own.figures) for own in results.answers] == [False, False, False, False, True]
    spread, _ = results.answers[4].figures
    assert (spread.detector, spread.classifier) == ("detector", "classifier")
    pair = results.look.comparisons["spread of the energy over an object"][0]
    assert spread.difference.value == -pair.difference.value
    for text in (page, done.stdout):
        assert f"{spread.what}, detector - classifier" in text
        assert "not measured here: add --segment" in text
        assert "bench-freeze run --freeze 9,0" in text


@pytest.fixture(scope="module")
def segments(problem):
    """The command on squares and bars with masks, and what it found."""
    write_shapes(problem / "shapes")
    asked = [
        "--weights",
        SOURCES,
        "--segment",
        "shapes",
        "--seeds",
        "0,1",
        "--imgsz",
        "96",
        "--data-fractions",
        "0.3,1",
    ]
    done = bench_freeze(problem, *asked, "--out", "segments")
    assert done.returncode == 0, done.stderr
    return done, results_of(problem / "segments").segmentation


def test_a_linear_decoder_finds_the_shapes_and_boundaries_are_harder(segments):
    done, found = segments
    assert [(own.source, own.data_fraction) for own in found.accuracy] == [
        (name, share) for share in (0.3, 1.0) for name in ("detector", "classifier", "scratch")
    ]
    for own in found.accuracy:
        assert own.miou.value == pytest.approx(np.mean(list(own.per_class.values())), abs=0.02)  # of two seeds
        assert [band.width for band in own.bands] == [1, 2, 3, 5, 10, 20, 40]
        assert own.bands[0].boundary.value < own.miou.value < own.bands[3].interior.value
    assert max(own.miou.value for own in found.accuracy) > 0.6
    assert len(found.comparisons) == 2 * 3
    assert set(found.band_comparisons) == {"1", "2", "3", "5", "10", "20", "40"}
    assert "interior" in done.stdout


BAD = [
    (["--weights", "one/detector.pt"], "nothing to transfer to"),
    (["--weights", "scratch", "--classify", "stripes"], "names no checkpoint"),
    (["--weights", "gone/gone.pt", "--classify", "stripes"], "no such checkpoint"),
    (["--weights", "one/detector.pt,scratch,scratch", "--classify", "stripes"], "scratch twice"),
    (["--weights", "one/detector.pt", "--classify", "one"], "has no folder 'train'"),
    (["--weights", "one/detector.pt", "--crops", "stripes"], "stripes"),
    (["--weights", "one/detector.pt", "--look", "stripes"], "stripes"),
    (["--weights", "one/detector.pt", "--classify", "stripes", "--side-by-side"], "two sources or more"),
    (["--weights", "one/detector.pt", "--segment", "stripes"], "there is no such list of classes"),
    (["--weights", "one/detector.pt", "--classify", "stripes", "--imgsz", "100"], "multiple of the stride 32"),
    (["--weights", "one/detector.pt", "--classify", "stripes", "--seeds", "0,x"], "give whole numbers"),
    (["--weights", "one/detector.pt", "--classify", "stripes", "--data-fractions", "0,1"], "0 is not a share"),
    (["--weights", "one/detector.pt", "--classify", "stripes", "--data-fractions", "nan"], "nan is not a share"),
]


@pytest.mark.parametrize(("arguments", "text"), BAD)
def test_bad_input_is_a_sentence_before_any_work(problem, arguments, text):
    done = bench_freeze(problem, *arguments, "--out", "bad")
    assert done.returncode == 2
    assert text in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("bench-freeze: ")
    assert not (problem / "bad" / "artifacts").exists()
