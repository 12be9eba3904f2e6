"""The command that reproduces one row."""

from __future__ import annotations

from ..results.recipe import INTERPOLATE, MATCHED, REPLAY, SCRATCH, STATIC, Recipe
from ..results.schema import Original, Results, Row
from ..text import shell

# --replay stays: with --replay-holdout it decides which base images are scored in every row.
_REPLACED = (
    *("freeze", "seeds", "recipe", "interpolate", "match-capacity", "data-fractions"),
    *("tuned", "construction", "engine", "precision"),
)
_DROPPED = ("--json", "--scratch")
SCRATCH_EPOCHS = "scratch-epochs"  # applies only to scratch rows


def row_command(results: Results, record: Row | Original) -> str:
    """The study's command reduced to one row, without what only other rows need.

    Empty where the file holds no command that a shell can parse. The original needs no training, but a run always makes
    at least one, so its command keeps the study's depths and recipes.
    """
    given = _checkpoints(results, record)
    replaced = (*(_REPLACED if isinstance(record, Row) else ["engine", "precision"]), *(["weights"] if given else []))
    if not isinstance(record, Row) or record.recipe != SCRATCH.name:
        replaced = (*replaced, SCRATCH_EPOCHS)
    words = _without(shell.words_of(results.command), replaced)
    if not words:
        return ""
    words += ["--weights", ",".join(given)] if given else []
    if isinstance(record, Row):
        words += _training_flags(record)
        words += ["--construction", record.construction]
        words += ["--data-fractions", f"{record.data_fraction:g}"] if record.data_fraction != 1 else []
    return shell.command([*words, "--engine", record.engine, "--precision", record.precision])


def _training_flags(row: Row) -> list[str]:
    given = row.train.given
    if given is None:
        words = ["--freeze", str(row.freeze), "--seeds", str(row.seed)]
        return words + _recipe_flags(Recipe.named(row.recipe))
    # A checkpoint without a common layer is measured as plain only if no depth is stated.
    return ["--tuned", given.file if "grafted" in given.left_out else f"{row.freeze}/{row.seed}={given.file}"]


def _checkpoints(results: Results, record: Row | Original) -> list[str]:
    """The row's own checkpoint of several; one without base accuracy needs another that has it in the same command."""
    own = results.pretraining(record.weights)
    if own is None:
        return []
    beside = [] if own.base.classes else [found for found in results.pretrainings if found.base.classes][:1]
    return [found.file for found in (own, *beside)]


def _recipe_flags(recipe: Recipe) -> list[str]:
    flags = {INTERPOLATE: "--interpolate", MATCHED: "--match-capacity"}
    if recipe.family in flags:
        return [flags[recipe.family], f"{recipe.amount:g}"]
    if recipe == SCRATCH:
        return ["--scratch"]
    return [] if recipe == STATIC or recipe.family == REPLAY else ["--recipe", recipe.name]


def _without(words: list[str], flags: tuple[str, ...]) -> list[str]:
    """A command without some flags and their values; a value may be the next word or follow '='."""
    names = {f"--{flag}" for flag in flags}
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in names:
            skip = True
        elif word not in _DROPPED and word.partition("=")[0] not in names:
            kept.append(word)
    return kept
