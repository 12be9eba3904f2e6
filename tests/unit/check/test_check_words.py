"""What a reviewer reads first: names of rows, changes and verdicts as people say them."""

import itertools
import re

import pytest

from bench_freeze.check.finding import outcome_of
from bench_freeze.check.headline import headline, moved
from bench_freeze.check.row_names import row_names, shared_parts
from bench_freeze.check.words import item, sentence
from tests.unit.check.test_check_forms import finding, key

VALUES = {
    "freeze": (None, 15, 22), "seed": (None, 0, 1), "recipe": (None, "static", "gradual"), "weights": (None, "yolov8n"),
    "data_fraction": (None, 1.0, 0.25), "engine": ("ort", "trt", "torch"), "precision": ("fp32", "int8"),
    "construction": ("original", "branched", "grafted"), "imgsz": (320, 640), "batch": (1, 8),
    "device": ("cpu", "cuda:0"),
}  # fmt: skip


def test_rows_are_named_by_what_tells_them_apart():
    none = dict.fromkeys(("freeze", "seed", "recipe", "data_fraction"))
    keys = [key(), key(engine="torch"), key(freeze=22), key(construction="original", **none)]
    assert list(row_names(keys).values()) == [
        "freeze 15, branched, ORT",
        "freeze 15, branched, torch",
        "freeze 22, branched, ORT",
        "original, ORT",
    ]
    assert shared_parts(keys) == "static, seed 0, 100 % of the data, fp32, 320 px, batch 1, cpu"
    assert list(row_names([key(seed=None), key()]).values()) == ["freeze 15, branched", "freeze 15, branched, seed 0"]
    assert list(row_names([key(), key(freeze=22)]).values()) == ["freeze 15", "freeze 22"]
    assert list(row_names([key(), key(engine="trt", precision="fp16")]).values()) == ["ORT fp32", "TensorRT fp16"]
    assert row_names([key()]) == {key(): "freeze 15, branched"}
    assert shared_parts([key(), key(freeze=22)]) == (
        "branched, static, seed 0, 100 % of the data, ORT fp32, 320 px, batch 1, cpu"
    )


@pytest.mark.parametrize("parts", [*itertools.combinations(VALUES, 2)])
def test_names_differ_as_rows_do(parts):
    keys = [key(**dict(zip(parts, values, strict=True))) for values in itertools.product(*(VALUES[p] for p in parts))]
    names = row_names(keys)
    assert len(set(names.values())) == len(keys)
    assert all(names.values())


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "+20 % [16, 24], limit 5 %"),
        ({"change": 0.000252}, "+5.04 % [16.00, 24.00], limit 5 %"),  # not "+5 %, limit 5 %"
        ({"change": 0.0001, "low": -0.00001}, "+2.0 % [-0.2, 24.0], limit 5 %"),
        ({"limit": 0.0005, "limit_text": "0.5ms"}, "+1.0 ms [0.8, 1.2], limit 0.5 ms"),
        ({"low": None, "high": None}, "+20 %, limit 5 %"),
        ({"high": None}, "+20 % [16, …], limit 5 %"),
        ({"change": 0, "low": 0, "high": 0}, "0 %, limit 5 %"),
        (
            {"rule": "base_map", "unit": "AP", "reference": 0.5, "change": 0.02, "low": 0.01, "high": 0.03,
             "limit": 0.005, "limit_text": "0.005"},
            "-0.020 [-0.030, -0.010], limit 0.005",
        ),
        (
            {"rule": "target_calibration", "unit": "", "reference": 0.1, "change": 0.05, "low": 0.03, "high": 0.07,
             "limit": 0.02, "limit_text": "0.02"},
            "+0.050 [0.030, 0.070], limit 0.02",
        ),
    ],
)  # fmt: skip
def test_a_change_is_written_as_people_write_it(changes, text):
    assert moved(finding("REGRESSION", **changes)) == text


def test_rounding_moves_no_number_over_its_limit():
    number = r"-?[0-9.]+"
    for k in range(1, 400):
        change = k * 0.0000025 + 1e-8
        text = moved(finding("PASS", change=change, low=change / 3, high=change * 3))
        got, low, high = (float(x) for x in re.match(rf"\+({number}) % \[({number}), ({number})\]", text).groups())
        for exact, shown in ((change, got), (change / 3, low), (change * 3, high)):
            assert (exact / 0.005 > 0.05) == (shown > 5)
            assert shown > 0


@pytest.mark.parametrize(
    ("findings", "text"),
    [
        ([finding("REGRESSION")], "Slower: freeze 15, branched, +20 % [16, 24], limit 5 %"),
        (
            [finding("REGRESSION"), finding("REGRESSION", key=key(freeze=22), change=0.002, high=0.003)],
            "Slower: freeze 22, +40 % [16, 60], limit 5 % (and 1 more)",
        ),
        (
            [finding("REGRESSION"), finding("PASS", rule="latency_pipeline", metric="pipeline latency p50")],
            "Slower: freeze 15, branched, model latency p50, +20 % [16, 24], limit 5 %",
        ),
        (
            [finding("AMBIGUOUS", low=-0.0001)],
            "No verdict: freeze 15, branched, +20 % [-2, 24], limit 5 %: not proven",
        ),
        (
            [finding("AMBIGUOUS", change=0.0002, low=-0.0001, high=0.0005)],
            "No verdict: freeze 15, branched, +4 % [-2, 10], limit 5 %: not proven to be within it",
        ),
        (
            [finding("INVALID", change=None, low=None, high=None)],
            "No verdict: freeze 15, branched: not measured well enough",
        ),
        (
            [finding("REFUSED", change=None), finding("REGRESSION")],
            "Not comparable: freeze 15, branched; slower: freeze 15, branched, +20 % [16, 24], limit 5 %",
        ),
        (
            [finding("PASS"), finding("PASS", key=key(freeze=3))],
            "No regression: 2 comparisons of 2 rows within their limits",
        ),
    ],
)  # fmt: skip
def test_the_verdict_is_one_line(findings, text):
    assert headline(outcome_of(findings, [], "new", "old")) == text


def test_what_was_not_checked_is_in_the_verdict():
    outcome = outcome_of([finding("PASS")], ["accuracy not checked: neither has any"], "new", "old")
    assert headline(outcome).endswith("within their limits; accuracy not checked")


def test_an_item_is_short_unless_its_sentence_says_more():
    found = finding("REGRESSION")
    found = finding("REGRESSION", sentence=sentence(found))
    assert item(found) == (
        "freeze 15 branched ort fp32: model latency p50 5.000 ms → 6.000 ms, +20 % [16, 24], limit 5 %: proven."
    )
    assert item(finding("AMBIGUOUS")) == "a sentence of AMBIGUOUS | <b>"
    found = finding("AMBIGUOUS")
    found = finding("AMBIGUOUS", sentence=f"{sentence(found).removesuffix('.')} (24 rounds); time was over.")
    assert item(found).endswith("+20 % [16, 24], limit 5 %: not proven (24 rounds); time was over.")
