"""Sentences about plans that were built several times."""

from __future__ import annotations

from ..results.schema import Results


def build_lines(results: Results) -> list[str]:
    """One sentence for every row whose plan was built several times."""
    lines = []
    for row in results.rows:
        if (builds := row.builds) is None:
            continue
        medians = [plan.model.p50_s * 1e3 for plan in builds.plans if plan.model is not None and plan.model.p50_s]
        timed = f", p50 {min(medians):.3f} to {max(medians):.3f} ms" if medians else ""
        if builds.between_builds_s is not None and builds.within_run_s is not None:
            timed += (
                f"; standard deviation between builds {builds.between_builds_s * 1e3:.3f} ms, of a call within a run "
                f"{builds.within_run_s * 1e3:.3f} ms"
            )
        name = f"{row.construction} {row.freeze} {row.engine} {row.precision}"
        lines.append(f"{name}: {len(builds.plans)} builds, {builds.distinct} distinct{timed}.")
    return lines
