"""The match file: evaluations come back equal to the bit, equal content gives equal bytes, damage is a sentence."""

import io
import json
import zipfile

import numpy as np
import pytest

from bench_freeze import PROTOCOLS, compare
from bench_freeze.errors import InputError
from bench_freeze.evaluate import evaluate
from bench_freeze.evaluate.columns import DamagedColumns, pack_columns, unpack_columns
from bench_freeze.evaluate.match_archive import ABOUT
from bench_freeze.evaluate.match_file import MatchFile, load_matches, parse_matches, save_matches
from tests.workloads import make_workload


def workload(seed=3, **options):
    return make_workload(images=30, classes=4, truth_rows=120, rows=900, seed=seed, crowd_share=0.1, **options)


def evaluation(seed=3, protocol="coco", **options):
    made = workload(seed)
    return evaluate(made.truth, made.detections, protocol=protocol, **options)


def assert_equal(a, b):
    for name in ("precision", "recall", "scores", "iou_thresholds", "ground_truth_count"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    for part in ("truth", "lattice", "matches"):
        for name, value in vars(getattr(a, part)).items():
            other = getattr(getattr(b, part), name)
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(value, other)
                assert value.dtype == other.dtype, (part, name)
    for mine, theirs in zip(a.matches.masks, b.matches.masks, strict=True):
        np.testing.assert_array_equal(mine.true_positive, theirs.true_positive)
        np.testing.assert_array_equal(mine.ignored, theirs.ignored)
    assert (a.protocol, a.max_detections, a.class_names) == (b.protocol, b.max_detections, b.class_names)
    assert list(a.area_ranges.items()) == list(b.area_ranges.items())
    assert (a.counts, a.stats(), a.best_f1()) == (b.counts, b.stats(), b.best_f1())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_evaluation_comes_back_to_the_bit(tmp_path, protocol):
    whole = evaluation(protocol=protocol)
    save_matches(tmp_path / "m.zip", {"one": whole})
    assert_equal(load_matches(tmp_path / "m.zip")["one"], whole)


def test_what_was_added_comes_back_without_a_file():
    file, whole = MatchFile(), evaluation()
    name = file.add(whole)
    assert_equal(file.evaluations()[name], whole)


def test_more_thresholds_than_a_mask_has_bits_for(tmp_path):
    whole = evaluation(iou_thresholds=np.arange(25, 96) / 100, max_detections=[3, 50])
    save_matches(tmp_path / "m.zip", {"one": whole})
    assert_equal(load_matches(tmp_path / "m.zip")["one"], whole)


def test_scores_that_float32_does_not_hold_are_kept(tmp_path):
    made = workload()
    scores = np.random.default_rng(0).random(len(made.detections.scores))
    assert (scores.astype(np.float32) != scores).any()
    whole = evaluate(made.truth, type(made.detections)(**{**vars(made.detections), "scores": scores}))
    save_matches(tmp_path / "m.zip", {"one": whole})
    assert_equal(load_matches(tmp_path / "m.zip")["one"], whole)


def test_nothing_found_is_kept_too(tmp_path):
    made = workload()
    none = type(made.detections)(**{name: column[:0] for name, column in vars(made.detections).items()})
    whole = evaluate(made.truth, none)
    save_matches(tmp_path / "m.zip", {"one": whole})
    assert_equal(load_matches(tmp_path / "m.zip")["one"], whole)


def test_loaded_evaluations_compare_as_the_first_ones_do(tmp_path):
    made = workload()
    shifted = type(made.detections)(**{**vars(made.detections), "boxes_xywh": made.detections.boxes_xywh * 1.02})
    a, b = evaluate(made.truth, made.detections), evaluate(made.truth, shifted)
    save_matches(tmp_path / "m.zip", {"a": a, "b": b})
    loaded = load_matches(tmp_path / "m.zip")
    assert compare(loaded["a"], loaded["b"], resamples=50) == compare(a, b, resamples=50)
    assert loaded["a"].truth is loaded["b"].truth


def test_equal_content_gives_equal_bytes_in_any_order():
    first, second = evaluation(seed=1), evaluation(seed=2)
    one, other = MatchFile(), MatchFile()
    names = [one.add(first), one.add(second)]
    assert [other.add(evaluation(seed=2)), other.add(evaluation(seed=1))] == names[::-1]
    assert one.content() == other.content()
    size = len(one.content())
    assert one.add(evaluation(seed=1)) == names[0]
    assert len(one.content()) == size


def test_what_is_written_is_what_is_said(tmp_path):
    file = MatchFile()
    file.add(evaluation())
    facts = file.write(tmp_path / "m.zip")
    assert facts["file"] == "m.zip"
    assert facts["bytes"] == (tmp_path / "m.zip").stat().st_size
    assert facts == save_matches(tmp_path / "m.zip", load_matches(tmp_path / "m.zip"))


def content():
    file = MatchFile()
    file.add(evaluation(), "one")
    return file.content()


def with_a_flipped_byte():
    flipped = bytearray(content())
    flipped[len(flipped) // 2] ^= 255
    return bytes(flipped)


def rewritten(change):
    """The same file with members changed by `change(name, content)`; None leaves one out."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content())) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            changed = change(name, old.read(name))
            if changed is not None:
                new.writestr(name, changed)
    return stream.getvalue()


def about(**changes):
    def change(name, member):
        return json.dumps({**json.loads(member), **changes}).encode() if name == ABOUT else member

    return change


@pytest.mark.parametrize(
    ("damaged", "words"),
    [
        (b"", "is damaged"),
        (b"no zip at all", "is damaged"),
        (content()[:-400], "is damaged"),
        (with_a_flipped_byte(), "is damaged"),
        (rewritten(lambda name, member: None if name == ABOUT else member), "is not a match file"),
        (rewritten(lambda name, member: member if name == ABOUT else None), "is damaged"),
        (rewritten(lambda name, member: member if name == ABOUT else member[:-20]), "is damaged"),
        (rewritten(about(format="something else")), "is not a match file"),
        (rewritten(about(version=2)), "version 2"),
        (rewritten(about(entries=[1])), "is damaged"),
        (rewritten(about(entries={"one": {"truth": "gone", "matches": "gone"}})), "is damaged"),
    ],
)
def test_a_damaged_or_foreign_file_is_one_sentence(damaged, words):
    with pytest.raises(InputError, match=words) as caught:
        parse_matches(damaged, "m.zip")
    assert "m.zip" in str(caught.value)


def test_truth_and_matches_that_do_not_belong_together_are_refused():
    file = MatchFile()
    file.add(evaluation(), "one")
    other = make_workload(images=7, classes=2, truth_rows=20, rows=90, seed=1)
    file.add(evaluate(other.truth, other.detections), "other")
    file._entries["one"]["truth"] = file._entries["other"]["truth"]
    with pytest.raises(InputError, match="is damaged"):
        parse_matches(file.content(), "m.zip")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.zip cannot be read: there is no such match file"):
        load_matches(tmp_path / "gone.zip")


def test_columns_come_back_with_their_values():
    columns = {
        "small": np.arange(250), "wide": np.arange(70000), "below": np.array([-1, 5]), "none": np.zeros(0, np.int64),
        "half": np.array([0.1], np.float32), "whole": np.array([[0.1, np.inf], [-0.0, 2.0]]),
    }  # fmt: skip
    facts, back = unpack_columns(pack_columns({"a": [1]}, columns))
    assert facts == {"a": [1]}
    for name, column in columns.items():
        np.testing.assert_array_equal(back[name], column)
        assert back[name].shape == column.shape
    packed = pack_columns({}, columns)
    for wrong in (packed[:-1], packed + b"x", b"{}\n", b"", packed.replace(b"<f8", b"|O8")):
        with pytest.raises(DamagedColumns):
            unpack_columns(wrong)
