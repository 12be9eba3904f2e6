"""File names of rows: letters that every file system takes, and never one name for two rows."""

import re
from dataclasses import replace
from itertools import product

from bench_freeze.results.identity import RowKey
from bench_freeze.study.saved_detections import row_slug

KEY = RowKey(22, 0, "static", 1.0, None, "ort", "fp32", "branched", 640, 1, "cpu")


def test_what_tells_rows_apart_stands_in_their_names():
    assert row_slug(KEY) == "branched_22_seed0_ort_fp32"
    assert row_slug(replace(KEY, recipe="lp_ft", data_fraction=0.25, weights="a")) == (
        "branched_22_lp_ft_data0.25_a_seed0_ort_fp32"
    )


def test_names_are_plain_and_differ_as_rows_do():
    weights = (None, "run1/best", "run1-best", "run1 best", "../up", "ü", "x" * 400, "x" * 401)
    keys = [
        replace(KEY, freeze=freeze, seed=seed, recipe=recipe, weights=own)
        for freeze, seed, recipe, own in product((2, 22), (0, 1), ("static", "replay", "interpolate 0.5"), weights)
    ]
    names = [row_slug(key) for key in keys]
    assert len({name.casefold() for name in names}) == len(keys)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,170}", name) for name in names)
