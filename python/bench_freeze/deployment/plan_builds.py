"""Several plans of one model: their identity, their latency, and how much builds differ in addition to runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from ..export.plan import PLAN
from ..measure.builds import build_spread
from ..results.schema import BuildVariance, Latencies, PlanBuild
from .deployment import Deployment


def measure_builds(
    first: Deployment,
    latency: Latencies,
    builds: int,
    deploy_build: Callable[[int], Deployment],
    time: Callable[[Deployment, int], Latencies],
) -> BuildVariance | None:
    """Compare the row's own plan with `builds` - 1 further ones; None for fewer than two, or an engine without plans.

    `deploy_build(k)` builds plan number k, and `time` times it like the first.
    """
    if first.plan is None or builds < 2:
        return None
    plans = [_plan_build(first, latency)]
    for number in range(1, builds):
        with closing(deploy_build(number)) as deployment:
            plans.append(_plan_build(deployment, time(deployment, number)))
    return build_variance(plans)


def build_variance(plans: list[PlanBuild]) -> BuildVariance:
    """The plans, with the variation of their latencies between builds and within runs."""
    spread = build_spread([plan.model.samples_s for plan in plans if plan.model is not None])
    return BuildVariance(
        plans=plans,
        distinct=len({plan.plan_sha256 for plan in plans}),
        between_builds_s=None if spread is None else spread.between_s,
        within_run_s=None if spread is None else spread.within_s,
    )


def _plan_build(deployment: Deployment, latency: Latencies) -> PlanBuild:
    plan = deployment.plan
    assert plan is not None
    return PlanBuild(
        plan_sha256=plan.sha256(PLAN),
        bytes=int(plan.files[PLAN]["bytes"]),
        build_s=plan.facts["build_s"],
        timing_cache_sha256=dict(plan.facts["timing_cache_sha256"]),
        model=latency.model,
    )
