"""Races on a grid of real trainings, in every order of its seeds, and on seeds simulated from its curves.

    python bench/race_on_grid.py bench/results/fruit9_grid_160*.json --json FILE --markdown FILE [--limits none,0.1]

The grid is a study with --val-every, or several that differ in their seeds alone, so every arm has its held-out curve
to the end. Each order of three of its seeds
is a grid of its own. For each limit on the loss of base mAP, a race is compared with the best arm within that limit.
Then new seeds are drawn 400 times, as race_fitted.py says; there, regret is in mean mAP over the grid's seeds.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from race_fitted import drawn_seeds
from race_ways import Curves, Spent, halving, race

from bench_freeze.environment import environment
from bench_freeze.racing.schedule import decision_epochs, relative_rates, times_of

Array = NDArray[np.float64]
BUDGETS = (0.25, 0.35, 0.5, 0.7, 1.0)
AT_A_TIME = 3  # seeds of a study
ENOUGH = 0.01  # target mAP, the default of --indifference


@dataclass(frozen=True)
class Grid:
    """All arms on all seeds, trained to the end."""

    names: tuple[str, ...]
    seeds: tuple[int, ...]
    curves: Curves
    seconds: Array  # [arms, seeds] of training

    def under(self, limit: float | None) -> Grid:
        """The same grid with a different limit on the loss of base mAP."""
        return replace(self, curves=replace(self.curves, limit=limit))

    def ordered(self, seeds: Sequence[int]) -> Curves:
        """The study with these seeds, in this order; `seeds` are positions among the grid's seeds."""
        curves, of = self.curves, list(seeds)
        assert curves.base_drop is not None
        assert curves.reported_drop is not None
        return replace(
            curves,
            held_out=curves.held_out[:, of],
            reported=curves.reported[:, of],
            base_drop=curves.base_drop[:, of],
            reported_drop=curves.reported_drop[:, of],
        )


def grid_of(parts: Sequence[dict[str, Any]]) -> Grid:
    """The grid from the results of studies of grafted models with --val-every and --max-base-drop."""
    study = parts[0]["study"]
    options = set.intersection(*(set(part["study"]) for part in parts)) - {"seeds", "out"}
    differing = sorted(name for name in options if any(part["study"][name] != study[name] for part in parts))
    if differing:
        raise SystemExit(f"these studies differ in {', '.join(differing)}, so they are not one grid.")
    seeds = tuple(seed for part in parts for seed in part["study"]["seeds"])
    every, epochs = study["val_every"], study["epochs"]
    looks = decision_epochs(times_of(relative_rates(epochs)), every)
    rows = {(row["freeze"], row["recipe"], row["seed"]): row for part in parts for row in part["rows"]}
    arms = list(dict.fromkeys((freeze, recipe) for freeze, recipe, _ in rows))
    shape = (len(arms), len(seeds), len(looks))
    held_out, drop = np.empty(shape), np.empty(shape)
    reported, reported_drop, seconds = (np.empty(shape[:2]) for _ in range(3))
    for a, arm in enumerate(arms):
        for s, seed in enumerate(seeds):
            row = rows[(*arm, seed)]
            points = {point["epoch"]: point for point in row["train"]["curves"]["held_out"]["points"]}
            held_out[a, s] = [points[look]["target_map"] or 0.0 for look in looks]
            drop[a, s] = [points[0]["base_map"] - points[look]["base_map"] for look in looks]
            reported[a, s], reported_drop[a, s] = row["target"]["map"], -row["base_delta_map"]
            seconds[a, s] = row["train"]["seconds"]
    limit = study["max_base_drop"]
    curves = Curves(looks, held_out, reported, drop, reported_drop, limit)
    return Grid(tuple(f"freeze {freeze} {recipe}" for freeze, recipe in arms), seeds, curves, seconds)


def in_orders(grid: Grid, budget: float) -> dict[str, Any]:
    """The outcome of every way at this budget, over all orders of the seeds."""
    orders = list(itertools.permutations(range(len(grid.seeds)), AT_A_TIME))
    found: dict[str, Any] = {"budget": budget, "orders": len(orders)}
    behind: dict[str, list[float]] = {}
    within: dict[str, int] = {}
    races = []
    for order in orders:
        curves = grid.ordered(order)
        best = curves.best(range(len(grid.names)), AT_A_TIME)
        for way, one in _ways(curves, budget).items():
            if one is not None:
                gap = curves.reported[best].mean() - curves.reported[one.pick].mean()
                behind.setdefault(way, []).append(float(gap))
                within[way] = within.get(way, 0) + bool(gap <= ENOUGH and curves.keeps_limit(one.pick))
        raced = race(curves, budget)
        if raced is not None:
            races.append(
                {
                    "seeds": [grid.seeds[s] for s in order],
                    "best": grid.names[best],
                    "pick": grid.names[raced.pick],
                    "behind": behind["race"][-1],
                    "share": raced.share,
                    "seeds_run": raced.seeds,
                    "stopped": {grid.names[arm]: why for arm, why in raced.why.items()},
                }
            )
    for way, gaps in behind.items():
        found[way] = {"within": within[way], "mean": float(np.mean(gaps)), "most": max(gaps)}
    return found | {"races": races}


def simulated(grid: Grid, races: int, budgets: Sequence[float]) -> list[dict[str, Any]]:
    """Mean and 95 % quantile of the regret by budget and way, on seeds drawn from the grid's."""
    true = replace(
        grid.curves, reported=grid.curves.reported.mean(axis=1, keepdims=True), held_out=grid.curves.held_out[:, :1]
    )
    best = true.best(range(len(grid.names)), len(grid.seeds))
    value = true.reported[:, 0]
    regrets: dict[tuple[float, str], list[float]] = {}
    worse: dict[float, list[bool]] = {}
    beyond: dict[float, list[bool]] = {}
    depths = [name.split()[1] for name in grid.names]
    for number in range(races):
        curves = drawn_seeds(grid.curves, depths, AT_A_TIME, np.random.default_rng(number))
        picks = {"full grid": curves.best(range(len(grid.names)), AT_A_TIME)}
        for budget in budgets:
            raced = race(curves, budget)
            if raced is not None:
                worse.setdefault(budget, []).append(raced.why.get(best) == "worse")
                beyond.setdefault(budget, []).append(not grid.curves.keeps_limit(raced.pick))
            ways = {way: None if one is None else one.pick for way, one in _ways(curves, budget).items()}
            for way, pick in (picks | ways).items():
                if pick is not None:
                    regrets.setdefault((budget, way), []).append(float(value[best] - value[pick]))
    names = list(dict.fromkeys(way for _, way in regrets))
    return [
        {
            "budget": budget,
            "best stopped as worse": float(np.mean(worse[budget])) if budget in worse else None,
            "pick beyond the limit": float(np.mean(beyond[budget])) if budget in beyond else None,
            **{
                way: {"mean": float(np.mean(own)), "q95": float(np.quantile(own, 0.95))}
                for way in names
                if (own := regrets.get((budget, way)))
            },
        }
        for budget in budgets
    ]


def _ways(curves: Curves, budget: float) -> dict[str, Spent | None]:
    ways: dict[str, Spent | None] = {"race": race(curves, budget)}
    ways |= {f"halving, {seeds} seeds": halving(curves, budget, seeds) for seeds in (2, 3)}
    return ways | {"all, fewer epochs": _all_to_a_look(curves, budget)}


def _all_to_a_look(curves: Curves, budget: float) -> Spent | None:
    """Train every arm and seed up to the last look that the budget reaches; the highest arm there is the pick."""
    reached = [k for k, look in enumerate(curves.looks) if look <= budget * curves.epochs]
    if not reached:
        return None
    at = reached[-1]
    seen = replace(curves, reported=curves.held_out[:, :, at])
    if at == len(curves.looks) - 1:
        seen = curves
    elif curves.base_drop is not None:
        seen = replace(seen, reported_drop=curves.base_drop[:, :, at])
    arms, seeds, _ = curves.held_out.shape
    return Spent(seen.best(range(arms), seeds), curves.looks[at] / curves.epochs, seeds, {})


def under_limit(grid: Grid, races: int, budgets: Sequence[float]) -> dict[str, Any]:
    """The rows of both tables for one limit."""
    best = grid.curves.best(range(len(grid.names)), len(grid.seeds))
    return {
        "limit": grid.curves.limit,
        "best": grid.names[best],
        "orders": [in_orders(grid, budget) for budget in budgets],
        "simulated": simulated(grid, races, budgets),
    }


def markdown(found: dict[str, Any]) -> str:
    """Both tables."""
    grid, first = found["grid"], found["limits"][0]["orders"][0]
    lines = [
        f"{len(grid['arms'])} arms on seeds {', '.join(map(str, grid['seeds']))} of {found['of']}, trained once: "
        f"{grid['hours']:.1f} hours on one core. Decisions after epochs {', '.join(map(str, grid['looks']))}.",
        "",
        f"**Real trainings, {first['orders']} orders of {AT_A_TIME} seeds.** Orders in which the pick keeps the "
        f"limit and is within {ENOUGH:g} target mAP of the best arm that does; in brackets how far "
        "it is behind in 0.001, on average and at most.",
        "",
    ]
    ways = [name for name in first if isinstance(first[name], dict)]
    lines += ["| limit | best arm | budget | " + " | ".join(ways) + " | race: spent |"]
    lines += ["|---:|---|---:|" + "---:|" * (len(ways) + 1)]
    for one in found["limits"]:
        for row in one["orders"]:
            cells = [_orders_cell(row.get(way), row["orders"]) for way in ways]
            spent = [race["share"] for race in row["races"]]
            cells.append(f"{np.mean(spent):.1%}, at most {max(spent):.1%}" if spent else "-")
            lines.append(f"| {_limit(one)} | {one['best']} | {row['budget']:.0%} | " + " | ".join(cells) + " |")
    ways = [*ways, "full grid"]
    lines += [
        "",
        f"**Seeds drawn from the grid's, {found['races']} races.** Regret in 0.001 target mAP, mean (95 % quantile); "
        "below 0 where the pick is beyond the limit.",
        "",
        "| limit | budget | "
        + " | ".join(ways)
        + " | the best arm stopped as worse | the race's pick is beyond the limit |",
        "|---:|---:|" + "---:|" * (len(ways) + 2),
    ]
    for one in found["limits"]:
        for row in one["simulated"]:
            cells = ["-" if way not in row else _regret_cell(row[way]) for way in ways]
            shares = (row["best stopped as worse"], row["pick beyond the limit"])
            cells += ["-" if share is None else f"{share:.1%}" for share in shares]
            lines.append(f"| {_limit(one)} | {row['budget']:.0%} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _limit(one: dict[str, Any]) -> str:
    return "none" if one["limit"] is None else f"{one['limit']:g}"


def _regret_cell(value: dict[str, float]) -> str:
    return f"{1000 * value['mean']:.1f} ({1000 * value['q95']:.0f})"


def _orders_cell(value: dict[str, float] | None, orders: int) -> str:
    if value is None:
        return "-"
    return f"{value['within']} of {orders} ({1000 * value['mean']:.1f}, {1000 * value['most']:.0f})"


def main() -> None:
    """Race, simulate, and write the results as JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grid", type=Path, nargs="+", help="results.json of the grid; several add their seeds")
    parser.add_argument("--limits", help="limits on the loss of base mAP: numbers, or none (the study's)")
    parser.add_argument("--races", type=int, default=400, help="races to simulate for each limit (400)")
    parser.add_argument("--budgets", help=f"shares of the grid's cost ({','.join(map(str, BUDGETS))})")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    args = parser.parse_args()
    parts = [json.loads(file.read_text()) for file in args.grid]
    grid = grid_of(parts)
    limits = [grid.curves.limit]
    if args.limits is not None:
        limits = [None if text == "none" else float(text) for text in args.limits.split(",")]
    budgets = BUDGETS if args.budgets is None else tuple(map(float, args.budgets.split(",")))
    files = " ".join(f"bench/results/{file.name}" for file in args.grid)
    asked = "" if args.limits is None else f" --limits {args.limits}"
    asked += "" if args.budgets is None else f" --budgets {args.budgets}"
    found = {
        "command": f"python bench/race_on_grid.py {files}{asked} --races {args.races}",
        "environment": environment(),
        "of": parts[0]["about"],
        "grid": {
            "arms": list(grid.names),
            "seeds": list(grid.seeds),
            "looks": list(grid.curves.looks),
            "hours": float(grid.seconds.sum()) / 3600,
        },
        "races": args.races,
        "limits": [under_limit(grid.under(limit), args.races, budgets) for limit in limits],
    }
    text = markdown(found)
    print(text)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")
    if args.markdown:
        args.markdown.write_text(text)


if __name__ == "__main__":
    main()
