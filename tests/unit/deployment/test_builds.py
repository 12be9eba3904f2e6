"""Variance between builds of a plan, apart from that of single calls."""

from types import SimpleNamespace

import numpy as np
import pytest

from bench_freeze.deployment.plan_builds import build_variance
from bench_freeze.errors import InputError
from bench_freeze.export import builder
from bench_freeze.measure.builds import build_spread
from bench_freeze.results.schema import PlanBuild
from tests.builders import latency, study


def test_known_variances_come_out():
    """Simulated: builds with means 0.1 ms apart (standard deviation), calls 0.3 ms around them, groups of any size."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        means = 2e-3 + 1e-4 * rng.normal(size=8)
        spread = build_spread([list(mean + 3e-4 * rng.normal(size=rng.integers(50, 400))) for mean in means])
        found.append((spread.between_s**2, spread.within_s**2))
    between, within = np.sqrt(np.mean(found, axis=0))
    assert between == pytest.approx(1e-4, rel=0.05)
    assert within == pytest.approx(3e-4, rel=0.01)


def test_by_hand():
    spread = build_spread([[1.0, 3.0], [5.0, 7.0]])  # means 2 and 6; MSB 16, MSW 2, two samples each
    assert spread.within_s == pytest.approx(2**0.5)
    assert spread.between_s == pytest.approx(7**0.5)
    assert build_spread([[1.0, 3.0], [1.0, 3.0]]).between_s == 0.0


@pytest.mark.parametrize("groups", [[], [[1.0, 2.0]], [[1.0, 2.0], [1.0]]])
def test_one_build_says_nothing_of_builds(groups):
    assert build_spread(groups) is None


def test_plans_are_counted_by_their_bytes():
    def plan(sha, samples):
        cache = {"before": None, "after": None}
        model = latency(samples) if samples else None
        return PlanBuild(plan_sha256=sha, bytes=1, build_s=1.0, timing_cache_sha256=cache, model=model)

    found = build_variance([plan("a", [1.0, 3.0]), plan("b", [5.0, 7.0]), plan("b", [5.0, 7.0])])
    assert (len(found.plans), found.distinct) == (3, 2)
    assert found.between_builds_s > found.within_run_s > 0
    untimed = build_variance([plan("a", None), plan("b", None)])
    assert (untimed.between_builds_s, untimed.within_run_s) == (None, None)


def test_builds_belong_to_tensorrt():
    assert study(engine=("ort", "trt"), builds=3).deployment.builds == 3
    with pytest.raises(InputError, match="builds = 3 applies to TensorRT plans"):
        study(engine=("ort",), builds=3)
    with pytest.raises(InputError, match="builds = 0 is out of range"):
        study(engine=("trt",), builds=0)


class Config:
    """Takes no foreign timing cache, as the documentation of setTimingCache says of IBuilderConfig; no TensorRT."""

    def __init__(self):
        self.cache = None

    def create_timing_cache(self, content):
        return None if content == b"damaged" else SimpleNamespace(content=content, serialize=lambda: content + b"+new")

    def set_timing_cache(self, cache, ignore_mismatch):
        if cache.content.startswith(b"foreign") and not ignore_mismatch:
            return False
        self.cache = cache
        return True

    def get_timing_cache(self):
        return self.cache


@pytest.mark.parametrize("found", [b"own", b"foreign", b"damaged", None])
def test_a_timing_cache_that_does_not_fit_is_replaced_not_fatal(found, tmp_path):
    """A build takes minutes: it must not end in an error when its cache is written back."""
    file, config = tmp_path / "timing.cache", Config()
    if found is not None:
        file.write_bytes(found)
    before = builder._load_timing_cache(config, file)
    after = builder._save_timing_cache(config, file)
    assert (before is not None) == (found == b"own")
    assert file.read_bytes() == (b"own+new" if found == b"own" else b"+new")
    assert after is not None
