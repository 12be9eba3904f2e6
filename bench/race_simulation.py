"""What a race under a budget finds, compared with successive halving on raw means and fewer epochs for all arms.

    python bench/race_simulation.py --json FILE --markdown FILE [--races 300] [--only SETTING]

Each race has 20 arms and 3 seeds over 50 epochs (race_model.py). Four ways spend the same share of the full grid's
epochs: the race, by the real rule; successive halving at the same epochs, on two and on three seeds, by raw held-out
means; and every arm and seed trained to the end of a shorter schedule. Each way picks the arm with the highest mean on
the reported images among the arms that it trained to the end; regret is in true mAP. The full grid picks in the same
way.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from race_model import ARMS, EPOCHS, SEEDS, Setting, World, measured, world
from race_ways import Curves, halving, race

from bench_freeze.environment import environment
from bench_freeze.racing.schedule import decision_epochs, relative_rates, times_of

BUDGETS = (0.25, 0.35, 0.5, 0.7, 1.0)
SETTINGS = (
    Setting("as committed", spread=0.055),
    Setting("close arms", spread=0.015),
    Setting("100 held-out images", spread=0.055, images=100),
    Setting("the best come late", spread=0.055, slow=0.35, slow_is_good=0.8),
    Setting("all equal", spread=1e-6),
    Setting("all equal, the best varies three times as much", spread=1e-6, restless=3.0),
)
RATES = relative_rates(EPOCHS)
TIMES = times_of(RATES)
LOOKS = decision_epochs(TIMES)
LOOK_TIMES = TIMES[list(LOOKS)]
LOOK_RATES = np.append(RATES, 0.0)[list(LOOKS)]
ENOUGH = 0.01  # target mAP, the default of --indifference


def one_race(setting: Setting, number: int, budgets: Sequence[float]) -> dict[str, Any]:
    """Regrets of every way at every budget."""
    generator = np.random.default_rng([zlib.crc32(setting.name.encode()), number])
    made = world(setting, LOOK_TIMES, LOOK_RATES, generator)
    best = int(np.argmax(made.true))
    grid = int(np.argmax(made.reported.mean(axis=1)))
    found: dict[str, Any] = {"grid": _regret(made, grid)}
    curves = curves_of(made)
    for budget in budgets:
        raced = race(curves, budget)
        halved = {seeds: halving(curves, budget, seeds) for seeds in (2, 3)}
        picks = {
            "race": None if raced is None else raced.pick,
            **{f"halving, {seeds} seeds": None if one is None else one.pick for seeds, one in halved.items()},
            "fewer epochs": int(np.argmax(made.shorter(budget).mean(axis=1))),
        }
        for way, pick in picks.items():
            found[f"{way} {budget:g}"] = None if pick is None else _regret(made, pick)
        if raced is not None:
            found[f"spent {budget:g}"] = raced.share
            found[f"seeds {budget:g}"] = raced.seeds
            found[f"worse {budget:g}"] = list(raced.why.values()).count("worse")
            found[f"best worse {budget:g}"] = raced.why.get(best) == "worse"
            found[f"best by budget {budget:g}"] = raced.why.get(best) == "budget"
            found[f"to grid {budget:g}"] = _regret(made, raced.pick) - _regret(made, grid)
    return found


def curves_of(made: World) -> Curves:
    """The curves of a simulated race that the ways see, for all arms and seeds."""
    return Curves(LOOKS, made.held_out, made.reported)


def _regret(made: World, pick: int) -> float:
    return float(made.true.max() - made.true[pick])


def summary(setting: Setting, races: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means and quantiles over the races of one setting."""
    ways = ("race", "halving, 2 seeds", "halving, 3 seeds", "fewer epochs")
    rows = []
    for budget in BUDGETS:
        row: dict[str, Any] = {"budget": budget}
        for way in ways:
            known = [race[f"{way} {budget:g}"] for race in races if race[f"{way} {budget:g}"] is not None]
            row[way] = None if not known else {"mean": float(np.mean(known)), "q95": float(np.quantile(known, 0.95))}
        for name in ("spent", "seeds", "worse", "best worse", "best by budget"):
            known = [race[f"{name} {budget:g}"] for race in races if f"{name} {budget:g}" in race]
            row[name] = float(np.mean(known)) if known else None
        near = [race[f"to grid {budget:g}"] <= ENOUGH for race in races if f"to grid {budget:g}" in race]
        row["within 0.01 of the grid's"] = float(np.mean(near)) if near else None
        rows.append(row)
    grid = [race["grid"] for race in races]
    whole = {"mean": float(np.mean(grid)), "q95": float(np.quantile(grid, 0.95))}
    return {"setting": setting.name, "races": len(races), "grid": whole, "budgets": rows}


def markdown(found: dict[str, Any]) -> str:
    """The tables."""
    lines = [
        f"Regret in 0.001 of true target mAP, mean (95 % quantile): {ARMS} arms, {SEEDS} seeds, {EPOCHS} epochs,",
        f"decisions after epochs {', '.join(map(str, LOOKS))}. Budgets are shares of the full grid's epochs.",
    ]
    for one in found["settings"]:
        lines += [
            "",
            f"**{one['setting'][0].upper()}{one['setting'][1:]}** ({one['races']} races). The full grid picks with a "
            f"regret of {_cell(one['grid'])}.",
            "",
            "| budget | race | halving, 2 seeds | halving, 3 seeds | fewer epochs | race: within 0.01 of the grid's "
            "| spent | seeds | arms shown worse | the best arm stopped as worse | for the budget |",
            "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for row in one["budgets"]:
            ways = (row[w] for w in ("race", "halving, 2 seeds", "halving, 3 seeds", "fewer epochs"))
            shares = [_share(row[name]) for name in ("within 0.01 of the grid's", "spent")]
            counts = ["" if row[name] is None else f"{row[name]:.1f}" for name in ("seeds", "worse")]
            ends = [_share(row[name]) for name in ("best worse", "best by budget")]
            lines.append("| " + " | ".join([f"{row['budget']:.0%}", *map(_cell, ways), *shares, *counts, *ends]) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: dict[str, float] | None) -> str:
    return "-" if value is None else f"{1000 * value['mean']:.1f} ({1000 * value['q95']:.0f})"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def main() -> None:
    """Simulate, and write the results as JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--races", type=int, default=300, help="number of races of each setting (300)")
    parser.add_argument("--only", help="run only the setting with this name")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    args = parser.parse_args()
    settings = [setting for setting in SETTINGS if args.only in (None, setting.name)]
    found = {
        "command": f"python bench/race_simulation.py --races {args.races}",
        "measured": vars(measured()),
        "environment": environment(),
        "settings": [summary(s, [one_race(s, n, BUDGETS) for n in range(args.races)]) for s in settings],
    }
    text = markdown(found)
    print(text)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")
    if args.markdown:
        args.markdown.write_text(text)


if __name__ == "__main__":
    main()
