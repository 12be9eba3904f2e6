"""A model that contains another and was measured faster: said once for each such pair, and for no other."""

import itertools

import msgspec
import numpy as np
import pytest

from bench_freeze.conclusions.contradictions import contradictions
from bench_freeze.results.schema import Bounds, Latencies, decode
from tests import builders

STUDY = builders.committed()
ROW, ORIGINAL = STUDY.rows[0], STUDY.originals[0]
LEVELS = (0.009, 0.010, 0.0101, 0.013)


def timed(level, *, n=60, verdict="VALID", spread=0.01, bounds=None):
    samples = level * np.exp(np.random.default_rng(int(level * 1e6)).normal(0, spread, n))
    model = builders.latency(
        samples, mean_s=level, verdict=verdict,
        bounds={} if bounds is None else {"p50": Bounds(low_s=bounds[0], high_s=bounds[1])},
    )  # fmt: skip
    return Latencies(model=model, pipeline=None)


def original(level, engine="ort", precision="fp32", weights=None, **how):
    return msgspec.structs.replace(
        ORIGINAL, engine=engine, precision=precision, weights=weights, latency=timed(level, **how)
    )


def row(construction, level, engine="ort", precision="fp32", freeze=15, seed=0, weights=None, recipe="static", **how):
    return msgspec.structs.replace(
        ROW, construction=construction, freeze=freeze, seed=seed, engine=engine, precision=precision, weights=weights,
        recipe=recipe, graft_at=None if construction == "plain" else freeze, latency=timed(level, **how),
    )  # fmt: skip


def said(originals, rows):
    return contradictions(msgspec.structs.replace(STUDY, originals=originals, rows=rows))


@pytest.mark.parametrize("seed", range(12))
def test_every_pair_that_contradicts_is_said_and_no_other(seed):
    """Levels apart by 10 % are told apart, by 1 % (10.0 and 10.1 ms) are not."""
    rng = np.random.default_rng(seed)
    hows = [(engine, precision) for engine in ("torch", "ort") for precision in ("fp32", "int8")]
    before = {how: float(rng.choice(LEVELS)) for how in hows}
    rows, expected = [], 0
    for how in hows:
        level = {name: float(rng.choice(LEVELS)) for name in ("branched", "grafted", "plain")}
        rows += [row(name, at, *how) for name, at in level.items()]
        for dual, single in itertools.product(("branched", "grafted"), (before[how], level["plain"])):
            expected += level[dual] < 0.95 * single
    found = said([original(at, *how) for how, at in before.items()], rows)
    assert len(found) == len(set(found)) == expected


def test_the_sentence_names_both_with_both_numbers_and_what_to_do():
    (text,) = said([original(0.013)], [row("branched", 0.010)])
    assert text.startswith("branched 15 seed 0 through ort fp32 contains the original model and was measured faster")
    for level in (0.010, 0.013):
        assert f" {timed(level).model.p50_s * 1e3:.3f} ms [" in text
    assert "the state of the machine, not the model, must be the reason" in text
    assert "--retime" in text


def test_a_plain_model_contains_nothing_and_is_contained_in_its_own_training_only():
    assert said([original(0.013)], [row("plain", 0.010)]) == []
    assert len(said([original(0.009)], [row("plain", 0.013), row("grafted", 0.010)])) == 1
    for other in ({"freeze": 10}, {"seed": 1}, {"recipe": "lp_ft"}):
        assert said([original(0.009)], [row("plain", 0.013, **other), row("grafted", 0.010)]) == []


@pytest.mark.parametrize("other", [{"engine": "torch"}, {"precision": "int8"}, {"weights": "another"}])
def test_models_of_another_engine_precision_or_checkpoint_are_not_compared(other):
    assert said([original(0.013, **other)], [row("branched", 0.010)]) == []


@pytest.mark.parametrize(
    ("dual", "single"),
    [({"spread": 0.3}, {}), ({}, {"spread": 0.3}), ({"verdict": "INVALID"}, {}), ({}, {"verdict": "INVALID"}),
     ({"n": 8}, {}), ({}, {"n": 8})],
)  # fmt: skip
def test_what_is_not_known_contradicts_nothing(dual, single):
    """Wide intervals overlap; runs that are INVALID, or too short for an interval, say nothing."""
    assert said([original(0.0104, **single)], [row("branched", 0.010, **dual)]) == []


def test_short_runs_contradict_by_the_bounds_that_they_were_given():
    assert said([original(0.013, n=8, bounds=(0.0125, 0.0135))], [row("branched", 0.010, n=8, bounds=(0.009, 0.011))])
    assert not said(
        [original(0.013, n=8, bounds=(0.0105, 0.0135))], [row("branched", 0.010, n=8, bounds=(0.009, 0.011))]
    )


def test_without_latency_nothing_is_said():
    bare = msgspec.structs.replace(row("branched", 0.010), latency=Latencies(model=None, pipeline=None))
    assert said([original(0.013)], [bare]) == []
    ambiguous = said([original(0.013, verdict="AMBIGUOUS")], [row("branched", 0.010, verdict=None)])
    assert len(ambiguous) == 1


def test_a_plan_may_differ_by_its_build():
    built = row("branched", 0.010, "trt")
    built = msgspec.structs.replace(built, artifact=msgspec.structs.replace(built.artifact, plan_sha256="p"))
    (text,) = said([original(0.013, "trt")], [built])
    assert "or the build of a plan" in text


def test_real_studies_contradict_nothing():
    for file in sorted(builders.RESULTS.glob("fruit9*.json")):
        plain = msgspec.json.decode(file.read_bytes())
        if isinstance(plain, dict) and "rows" in plain and "originals" in plain:
            assert contradictions(decode(file.read_bytes())) == [], file.name
