"""Training recipes by name, without any framework: what `recipe` may say in a study."""

from __future__ import annotations

import difflib

from .errors import InputError

STATIC = "static"
RECIPES: dict[str, str] = {
    STATIC: "layers 0..freeze-1 stay frozen, the rest trains from the first step",
}


def check_recipes(names: tuple[str, ...]) -> None:
    """Raise InputError for a name that is no recipe."""
    for name in names:
        if name not in RECIPES:
            close = difflib.get_close_matches(name, RECIPES, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"recipes are {', '.join(RECIPES)}."
            raise InputError(f"recipe = '{name}' is not known; {hint}")
