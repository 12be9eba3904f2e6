"""The Pareto front: the choices that no other choice dominates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def pareto_front(choices: Sequence[T], advantages: Sequence[Callable[[T, T], float]]) -> list[T]:
    """The choices that no other dominates, in their order.

    An advantage of a over b is positive where a is better and 0 where they are equal. A choice dominates another if it
    has at least one advantage and no disadvantage. Equal choices are all on the front.
    """

    def dominates(a: T, b: T) -> bool:
        found = [advantage(a, b) for advantage in advantages]
        return min(found) >= 0 and max(found) > 0

    return [choice for choice in choices if not any(dominates(other, choice) for other in choices)]
