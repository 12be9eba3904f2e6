"""A training recipe as a value; rows name it in `recipe`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How the layers of a training are trained: a family, and a number for some families.

    `amount` is the share of replayed images (replay), the weight of the tuned model (interpolate), or the freeze depth
    whose number of trainable weights is matched (matched). It equals the number in the name, which has six digits.

        >>> Recipe("replay", 0.05).name
        'replay_0.05'
        >>> Recipe.named("matched_22")
        Recipe(family='matched', amount=22.0)
    """

    family: str
    amount: float | None = None

    def __post_init__(self) -> None:
        if self.amount is not None:
            object.__setattr__(self, "amount", float(f"{self.amount:g}"))

    @property
    def name(self) -> str:
        """The name in rows, artifact keys and messages."""
        return self.family if self.amount is None else f"{self.family}_{self.amount:g}"

    @classmethod
    def named(cls, name: str) -> Recipe:
        """The inverse of `name`; the family may contain underscores."""
        family, _, amount = name.rpartition("_")
        with suppress(ValueError):
            if family in WITH_AMOUNT:
                return cls(family, float(amount))
        return cls(name)


REPLAY, INTERPOLATE, MATCHED = "replay", "interpolate", "matched"
WITH_AMOUNT = frozenset({REPLAY, INTERPOLATE, MATCHED})
STATIC = Recipe("static")
LP_FT = Recipe("lp_ft")
GRADUAL = Recipe("gradual")
DISTILL = Recipe("distill")
SCRATCH = Recipe("scratch")  # an arm of its own, at freeze 0 only
GIVEN = Recipe("given")  # a checkpoint that was trained elsewhere


def given_recipe(name: str | None) -> Recipe:
    """The recipe of a given checkpoint; `name` distinguishes it from others of the same freeze depth."""
    return GIVEN if name is None else Recipe(f"{GIVEN.family} {name}")


def is_given(recipe: str) -> bool:
    """Whether a row's checkpoint was given, not trained.

    >>> is_given(given_recipe("run1/best").name), is_given("static")
    (True, False)
    """
    return recipe == GIVEN.name or recipe.startswith(f"{GIVEN.family} ")
