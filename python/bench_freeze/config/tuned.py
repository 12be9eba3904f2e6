"""The values of `tuned`: existing fine-tuned checkpoints, each with or without freeze depth and seed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import InputError

_STATED = re.compile(r"\s*(-?[0-9]{1,9})\s*(?:/\s*(-?[0-9]{1,10})\s*)?=(.*)", re.DOTALL)
LARGEST_DEPTH, LARGEST_SEED = 10_000, 2**32 - 1


@dataclass(frozen=True)
class TunedEntry:
    """One entry: `place` is a file or a pattern of files. Depth and seed are None if not stated."""

    text: str
    freeze: int | None
    seed: int | None
    place: str


def tuned_entry(text: str) -> TunedEntry:
    """Parse an entry such as "22/0=a.pt", "22=a.pt", "a.pt" or "runs/*/weights/best.pt".

    Text that begins with a whole number and an equals sign states a depth; a file of such a name is written ./22=a.pt.
    Raises InputError if no file is named, or for an invalid depth or seed.

        >>> tuned_entry("22/1=runs/b/weights/best.pt")
        TunedEntry(text='22/1=runs/b/weights/best.pt', freeze=22, seed=1, place='runs/b/weights/best.pt')
    """
    stated = _STATED.fullmatch(text)
    if stated is None:
        entry = TunedEntry(text, None, None, text.strip())
    else:
        seed = stated[2]
        entry = TunedEntry(text, int(stated[1]), None if seed is None else int(seed), stated[3].strip())
    if not entry.place:
        raise InputError(f"tuned = '{text}' does not name a file; give DEPTH=FILE, DEPTH/SEED=FILE, or FILE alone.")
    if entry.freeze is not None and not 0 <= entry.freeze <= LARGEST_DEPTH:
        raise InputError(f"tuned = '{text}': freeze depth {entry.freeze} is not possible; depths start at 0.")
    if entry.seed is not None and not 0 <= entry.seed <= LARGEST_SEED:
        raise InputError(f"tuned = '{text}': seed {entry.seed} is out of range; give 0 to {LARGEST_SEED}.")
    return entry


def check_tuned(tuned: tuple[str, ...]) -> None:
    """Raise InputError for the first invalid entry, or for two with the same depth and seed."""
    known: dict[tuple[int | None, int], str] = {}
    for text in tuned:
        entry = tuned_entry(text)
        if tuned.count(text) > 1:
            raise InputError(f"tuned names '{text}' twice; name each checkpoint once.")
        if entry.seed is not None:
            other = known.setdefault((entry.freeze, entry.seed), text)
            if other != text:
                raise InputError(
                    f"tuned names seed {entry.seed} of freeze {entry.freeze} twice, in '{other}' and '{text}'; give "
                    "each run of a depth a seed of its own."
                )
