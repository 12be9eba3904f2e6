"""Short names of rows: parts that all rows of a check share are stated once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..results.identity import PARTS, RowKey, varying
from .finding import Finding, Outcome
from .snapshot import PROFILE

_ENGINES = {"ort": "ORT", "trt": "TensorRT"}
_ALWAYS = ("freeze", "construction")  # name a row that does not differ from any other


def row_names(keys: Iterable[RowKey]) -> dict[RowKey, str]:
    """A short name of each row, such as "freeze 15, branched, ORT fp32": the parts in which rows differ.

    Names are distinct if keys are. A part that all trained rows share, such as the recipe, is left out, although an
    original has none.
    """
    every = list(dict.fromkeys(keys))
    names = {key: _name(key, _telling(every)) for key in every}
    if len(set(names.values())) < len(every) or not all(names.values()):
        names = {key: _name(key, {*_ALWAYS, *varying(every)}) for key in every}
    return names


def shared_parts(keys: Iterable[RowKey]) -> str:
    """The shared parts that `row_names` leaves out, in the same words; empty if nothing is shared."""
    every = list(dict.fromkeys(keys))
    left_out = set(PARTS) - _telling(every)
    common = {part: next((v for key in every if (v := getattr(key, part)) is not None), None) for part in left_out}
    return _name(replace(every[0], **common), left_out) if every else ""  # type: ignore[arg-type]


def _telling(keys: list[RowKey]) -> set[str]:
    """The parts that form names; a part that some rows lack must differ among those that have it."""
    differ = set(varying(keys))
    values = {part: {getattr(key, part) for key in keys} - {None} for part in differ}
    return {part for part in differ if len(values[part]) > 1 or part in _ALWAYS} or set(_ALWAYS)


def _name(key: RowKey, parts: set[str]) -> str:
    share = None if key.data_fraction is None else f"{key.data_fraction * 100:g} % of the data"
    said = {
        "freeze": None if key.freeze is None else f"freeze {key.freeze}",
        "construction": "the profiled model" if key.construction == PROFILE else key.construction,
        "recipe": key.recipe,
        "seed": None if key.seed is None else f"seed {key.seed}",
        "data_fraction": share,
        "weights": key.weights,
    }
    ran_by = [_ENGINES.get(key.engine, key.engine)] * ("engine" in parts) + [key.precision] * ("precision" in parts)
    last = {"imgsz": f"{key.imgsz} px", "batch": f"batch {key.batch}", "device": key.device}
    named = [text for part, text in said.items() if part in parts and text is not None]
    named += [" ".join(ran_by)] if ran_by else []
    return ", ".join([*named, *(text for part, text in last.items() if part in parts)])


def spoken(outcome: Outcome) -> Outcome:
    """The same outcome with short names of its rows, in findings and in their sentences."""
    names = row_names(finding.key for finding in outcome.findings)

    def named(finding: Finding) -> Finding:
        name = names[finding.key]
        return replace(finding, row=name, sentence=finding.sentence.replace(f"{finding.row}: ", f"{name}: "))

    return replace(outcome, findings=tuple(map(named, outcome.findings)))
