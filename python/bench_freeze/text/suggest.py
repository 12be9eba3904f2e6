"""What to say about an unknown word: the nearest known words, or all of them.

Flags, commands, keys of files and values all use this module, so that a typo gets the same help everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

FEW = 20  # choices that a sentence can list beside a suggestion
_SHORTEST_PART = 4  # letters; shorter parts of a word are not compared
_MOST = 3  # words that a suggestion names
_COMPARED = 100  # letters of a word that are compared: the time grows with the square of the length


def hint(
    given: str, known: Iterable[str], *, what: str = "", others: Mapping[str, str] | None = None, all_in: str = ""
) -> str:
    """The end of a sentence about an unknown word, with its full stop: "did you mean 'ort'? Engines are ort, trt."

    `what` begins the list of choices ("engines are"; default "known are"). `others` maps words of other programs to
    their names here. `all_in` says where all choices are listed, if there are too many for a sentence.
    """
    choices = list(dict.fromkeys(known))
    near = nearest(given, choices, others or {})
    listed = f"{what or 'known are'} {', '.join(choices)}."
    where = f"{all_in}." if all_in else ""
    if not near:
        return where if all_in and len(choices) > FEW else listed
    asked = f"did you mean {' or '.join(repr(name) for name in near)}?"
    if len(choices) <= FEW:
        return f"{asked} {listed[0].upper()}{listed[1:]}"
    return f"{asked} {where}".rstrip()


def nearest(given: str, known: Iterable[str], others: Mapping[str, str] | None = None) -> list[str]:
    """The known words that are most like a given one; case, dashes and underscores do not count.

    A word in `others` is replaced by its name here. A word that resembles a part of several known words, such as
    `batch` in `train_batch` and `engine_batch`, gets all of these.
    """
    import difflib  # only a mistake needs it

    choices = {
        **{_plain(name): here for name, here in (others or {}).items()},
        **{_plain(name): name for name in known},
    }
    word = _plain(given[:_COMPARED])
    if found := difflib.get_close_matches(word, choices, n=1):
        return [choices[found[0]]]
    parts: dict[str, list[str]] = {}
    for plain, name in choices.items():
        for part in plain.split("_"):
            parts.setdefault(part, []).append(name)
    like = difflib.get_close_matches(word, [part for part in parts if len(part) >= _SHORTEST_PART], n=1, cutoff=0.75)
    return parts[like[0]][:_MOST] if like else []


def _plain(word: str) -> str:
    return word.strip().lstrip("-").lower().replace("-", "_")
