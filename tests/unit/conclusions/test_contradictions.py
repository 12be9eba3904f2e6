"""A model that contains another and was measured faster: said once for each such pair, and for no other."""

import itertools

import msgspec
import numpy as np
import pytest

from bench_freeze.conclusions.contradictions import contradictions, mark_contradictions
from bench_freeze.results.schema import Bounds, Latencies, Ratio, decode
from tests import builders

STUDY = builders.committed()
ROW, ORIGINAL = STUDY.rows[0], STUDY.originals[0]
LEVELS = (0.009, 0.010, 0.0101, 0.013)


def timed(level, *, n=60, verdict="VALID", spread=0.01, bounds=None, ratio=None, scope="model"):
    """Latencies of one scope; `ratio` is the value of the ratio to the original, known to 2 %, or (low, high)."""
    samples = level * np.exp(np.random.default_rng(int(level * 1e6)).normal(0, spread, n))
    low, high = ratio if isinstance(ratio, tuple) else ((ratio or 0) / 1.02, (ratio or 0) * 1.02)
    latency = builders.latency(
        samples, mean_s=level, verdict=verdict,
        bounds={} if bounds is None else {"p50": Bounds(low_s=bounds[0], high_s=bounds[1])},
        ratio_to_original=None if ratio is None else Ratio(
            value=(low + high) / 2 if low is not None else 1.0, low=low, high=high, rounds=50, reference="original"
        ),
    )  # fmt: skip
    return Latencies(**{"model": None, "pipeline": None} | {scope: latency})


def original(level, engine="ort", precision="fp32", weights=None, **how):
    return msgspec.structs.replace(
        ORIGINAL, engine=engine, precision=precision, weights=weights, latency=timed(level, **how)
    )


def row(construction, level, engine="ort", precision="fp32", freeze=15, seed=0, weights=None, recipe="static", **how):
    return msgspec.structs.replace(
        ROW, construction=construction, freeze=freeze, seed=seed, engine=engine, precision=precision, weights=weights,
        recipe=recipe, graft_at=None if construction == "plain" else freeze, latency=timed(level, **how),
    )  # fmt: skip


def study(originals, rows):
    return msgspec.structs.replace(STUDY, originals=originals, rows=rows)


def said(originals, rows):
    return [found.sentence for found in contradictions(study(originals, rows))]


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


RATIOS = (0.8, 0.9, 1.0, 1.3)


@pytest.mark.parametrize("scope", ["model", "pipeline"])
@pytest.mark.parametrize("seed", range(8))
def test_ratios_that_were_measured_together_contradict_by_scope(seed, scope):
    """Latencies that cannot be told apart; ratios, known to 2 %, that may not be."""
    rng = np.random.default_rng(seed)
    ratio = {name: float(rng.choice(RATIOS)) for name in ("branched", "grafted", "plain")}
    rows = [row(name, 0.0101, ratio=at, scope=scope) for name, at in ratio.items()]
    expected = {(dual, "original") for dual in ("branched", "grafted") if ratio[dual] < 0.97}
    expected |= {(dual, "plain") for dual in ("branched", "grafted") if ratio[dual] < 0.97 * ratio["plain"]}
    found = contradictions(study([original(0.010, scope=scope)], rows))
    assert {(f.whole.construction, f.part.construction) for f in found} == expected
    assert {f.scope for f in found} <= {scope}
    assert all(("the pipeline of" in f.sentence) == (scope == "pipeline") for f in found)


@pytest.mark.parametrize("ratio", [(0.9, 1.0), (0.9, 1.1), (None, None)])
def test_a_ratio_that_reaches_one_or_has_no_interval_contradicts_nothing(ratio):
    assert said([original(0.0101)], [row("branched", 0.010, ratio=ratio)]) == []


def test_a_contradiction_makes_both_ambiguous_in_its_scope_and_says_why():
    fast, slow = row("branched", 0.010, ratio=0.9), row("branched", 0.010, freeze=10, ratio=1.3)
    fast = msgspec.structs.replace(
        fast, latency=msgspec.structs.replace(fast.latency, pipeline=timed(0.02, scope="pipeline").pipeline)
    )
    results = study([original(0.0101, verdict="INVALID")], [fast, slow])
    (text,) = mark_contradictions(results)
    assert "branched 15" in text
    assert "0.900 [0.882, 0.918] times as long" in text
    assert "--retime" in text
    (before,), (first, second) = results.originals, results.rows
    assert (first.latency.model.verdict, first.latency.model.reasons) == ("AMBIGUOUS", [text])
    assert (before.latency.model.verdict, before.latency.model.reasons) == ("INVALID", [text])
    assert (first.latency.pipeline.verdict, first.latency.pipeline.reasons) == ("VALID", [])
    assert (second.latency.model.verdict, second.latency.model.reasons) == ("VALID", [])
    assert first.latency.model.samples_s == fast.latency.model.samples_s
