"""The analyses of a study for real: exact where a training changed nothing, and of the seeds that were asked for."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from tests.builders import study

from bench_freeze.analysis.analyses import measure_findings
from bench_freeze.analysis.trained import Trained
from bench_freeze.finetune.arm import Arm
from bench_freeze.results.findings import Findings
from bench_freeze.results.schema import decode
from bench_freeze.study.bench import Bench

ALL = ["--drift", "--features", "--recover", "2", "--breakdown"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A short study with every analysis: its folder, its rows by freeze depth and its original."""
    out = tmp_path_factory.mktemp("analyses") / "out"
    command = [sys.executable, "-m", "bench_freeze", "--freeze", "22,15", "--epochs", "1", "--engine", "torch"]
    command += ["--construction", "grafted", "--latency-samples", "0", "--out", str(out), *ALL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = decode((out / "results.json").read_bytes())
    return out, {row.freeze: row for row in results.rows}, results.originals[0]


@pytest.mark.slow
def test_drift_is_exact_below_the_freeze_depth(finished):
    _, rows, _ = finished
    for freeze, row in rows.items():
        drift = row.analysis.drift
        assert [layer.layer for layer in drift] == list(range(22))
        for layer in drift:
            assert layer.frozen == (layer.layer < freeze)
            if layer.frozen:
                tensors = [s for s in (layer.weights, layer.bn_mean, layer.bn_var) if s is not None]
                assert all((shift.cosine, shift.relative_l2) == (1.0, 0.0) for shift in tensors)
                for seen in (layer.base, layer.target):
                    assert (seen.cka, seen.cosine, seen.relative_l2) == (1.0, 1.0, 0.0)
    moved = rows[15].analysis.drift[15]
    assert moved.weights.relative_l2 > 0
    assert moved.base.cka < 1


@pytest.mark.slow
def test_with_the_neck_frozen_there_is_nothing_to_recover(finished):
    _, rows, _ = finished
    nothing = rows[22].analysis.recovery
    assert nothing.original == nothing.grafted
    assert nothing.fresh == nothing.fresh_control  # one artifact: the same trunk
    assert nothing.realigned == nothing.realigned_control
    assert nothing.trained_images + nothing.scored_images == 200
    some = rows[15].analysis.recovery
    assert some.original == nothing.original
    assert some.fresh_control == nothing.fresh_control
    assert some.grafted.map < some.original.map
    assert some.realigned.map > some.grafted.map
    assert len(list((finished[0] / "artifacts").glob("recovery-*"))) == 2


@pytest.mark.slow
def test_features_agree_where_they_are_equal(finished):
    out, rows, _ = finished
    for found in (rows[22].analysis.features.base, rows[22].analysis.features.target):
        assert [n.layer for n in found.neighbours] == [9, 15, 18, 21]
        assert all((n.overlap, n.base_in_tuned, n.tuned_in_base) == (1, 1, 1) for n in found.neighbours)
        assert all(energy.base == energy.tuned for energy in found.energy)
        assert found.probe.base == found.probe.tuned
    found = rows[15].analysis.features
    assert found.base.neighbours[0].overlap == 1  # the backbone's last layer was frozen
    assert found.base.neighbours[-1].overlap < 1
    assert found.base.probe.base.accuracy > found.base.probe.majority  # a detector's features know its classes
    maps = np.load(out / found.maps)
    assert {name.split(".")[0] for name in maps.files} == {"base", "target"}
    assert len(maps.files) == 2 * 6 * 4 * 2
    assert all(maps[name].min() >= 0 for name in maps.files)


@pytest.mark.slow
def test_the_breakdown_repeats_the_row_s_own_numbers(finished):
    _, rows, original = finished
    for accuracy in (original.base, rows[15].base, rows[15].target):
        parts = accuracy.breakdown
        assert parts.by_iou["0.50"].value == accuracy.map50
        assert {iou: parts.by_iou[iou].value for iou in accuracy.ap_by_iou} == accuracy.ap_by_iou
        assert parts.by_area["medium"].ap.value == accuracy.map_medium
        assert parts.by_iou["0.10"].value >= accuracy.map50
    assert rows[15].base_merged.breakdown is None


def test_only_the_first_seed_is_analysed_unless_all_are_asked_for():
    everything = {"ladder": True, "drift": True, "features": True, "recover": 1, "seeds": [3, 4]}

    nothing = SimpleNamespace(given_arm=lambda arm: None)  # no checkpoint was given, and there is nothing else

    def trained(seed, **values):
        nowhere = Bench(study(**values), inputs=nothing, store=None, matches=None, lineup={}, console=None)
        return Trained.of(nowhere, Arm(10, seed), tuned=None)

    assert measure_findings(trained(4, **everything)) == Findings(None, None)
    with pytest.raises(AttributeError):  # the first seed is: it goes for its inputs
        measure_findings(trained(3, **everything))
    with pytest.raises(AttributeError):
        measure_findings(trained(4, **everything, analysis_seeds="all"))
    assert measure_findings(trained(3, seeds=[3])) == Findings(None, None)
