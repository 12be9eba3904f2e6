"""Studies of any number of arms and seeds, fabricated from a committed one: its rows and claims over and over.

Numbers are those of the committed study, shifted a little an arm, so that no two arms tie; they mean nothing. Names,
identities and the number of comparisons are those of a real study of that many arms: all pairs of trainings.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

from msgspec.structs import replace

from bench_freeze.conclusions import recommend
from bench_freeze.results.schema import Results, Row, decode
from bench_freeze.results.study_statistics import ArmStatistics, Claim, Comparison

COMMITTED = Path(__file__).parents[1] / "results" / "fruit9_depths_seeds_320.json"


def study_of(arms: int, seeds: int) -> Results:
    """A finished study of `arms` grafted models, `seeds` rows each, with its statistics and without its decision."""
    base = decode(COMMITTED.read_bytes())
    assert base.statistics is not None
    rows = [row for row in base.rows if row.construction == "grafted"]
    known = [arm for arm in base.statistics.arms if arm.name.startswith("grafted")]
    numbers = list(range(seeds))
    made_arms = [_arm(known[i % len(known)], i, numbers) for i in range(arms)]
    pairs = [c for c in base.statistics.comparisons if c.between == "trainings"][:: len(known) * (len(known) - 1) // 2]
    originals = [c for c in base.statistics.comparisons if c.between == "original"][:: 2 * len(known)]
    comparisons = [
        _comparison(kind, f"freeze {a}", f"freeze {b}", numbers)
        for kind in pairs
        for a, b in combinations(range(arms), 2)
    ] + [_comparison(kind, kind.a, f"grafted {i}", numbers) for kind in originals for i in range(arms)]
    return replace(
        base,
        rows=[_row(rows[i % len(rows)], i, seed) for i in range(arms) for seed in numbers],
        study=base.study | {"freeze": list(range(arms)), "seeds": numbers, "construction": ["grafted"]},
        statistics=replace(base.statistics, arms=made_arms, comparisons=comparisons, seeds=seeds),
        recommendation=None,
    )


def decided(results: Results) -> Results:
    """The same study with its decision."""
    return replace(results, recommendation=recommend(results))


def _row(row: Row, arm: int, seed: int) -> Row:
    return replace(row, freeze=arm, seed=seed)


def _claim(claim: Claim | None, shift: float, seeds: list[int]) -> Claim | None:
    if claim is None:
        return None
    per_seed = [claim.per_seed[seed % len(claim.per_seed)] + shift for seed in seeds]
    return replace(claim, value=claim.value + shift, per_seed=per_seed)


def _arm(arm: ArmStatistics, number: int, seeds: list[int]) -> ArmStatistics:
    shift = 1e-4 * number
    claims = {name: _claim(getattr(arm, name), shift, seeds)
              for name in ("target", "target_map50", "target_test", "base", "base_change", "base_merged")}  # fmt: skip
    return replace(
        arm,
        name=f"grafted {number}",
        training=f"freeze {number}",
        identity={**arm.identity, "freeze": number},
        seeds=seeds,
        **claims,
    )


def _comparison(kind: Comparison, a: str, b: str, seeds: list[int]) -> Comparison:
    difference = _claim(kind.difference, 0.0, seeds)
    assert difference is not None
    return replace(kind, a=a, b=b, seeds=seeds, difference=difference)
