"""Reads either side of a check: results.json, a profile, or a baseline; and the match file beside it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from ..errors import InputError
from ..evaluate.evaluation import Evaluation
from ..evaluate.match_file import parse_matches
from ..results.profile import PROFILE_VERSION, Profile, decode_profile
from ..results.schema import SCHEMA_VERSION, Results, decode
from ..results.sealing import check_seal
from .snapshot import KIND, VERSION, Snapshot, snapshot_of_profile, snapshot_of_results


class NoMatches(InputError):
    """There are no match data, as opposed to those of something else."""


@dataclass(frozen=True)
class Side:
    """One run: its file, what is checked of it, and its evaluations, which are read when they are asked for."""

    path: Path
    snapshot: Snapshot
    sha256: str = field(repr=False)

    @cached_property
    def evaluations(self) -> Mapping[str, Evaluation]:
        """By entry name. Raises NoMatches when there is no match file, InputError when it is damaged or another one."""
        facts = self.snapshot.matches
        if facts is None:
            raise NoMatches(
                f"{self.path} names no match file, so its accuracy cannot be tested; make it again with this version, "
                "or turn accuracy off (--max-map-drop off --max-f1-drop off --max-calibration-increase off)."
            )
        path = self.path.parent / facts.file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise (NoMatches if isinstance(error, FileNotFoundError) else InputError)(
                f"{path}: the match file of {self.path.name} cannot be read ({error.strerror}); accuracy is tested on "
                "it: put it beside that file."
            ) from None
        if hashlib.sha256(content).hexdigest() != facts.sha256:
            raise InputError(
                f"{path} is not the match file that {self.path.name} was written with; take both from one run."
            )
        return parse_matches(content, str(path))


def read_side(path: Path) -> Side:
    """Read one side; raises InputError for a file that is missing, cut off, of another kind or version."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); give a results.json, a profile or a baseline."
        ) from None
    try:
        plain = json.loads(content)
    except ValueError as error:
        raise InputError(f"{path} is no whole json file ({error}); was it cut off? Write it again.") from None
    if not isinstance(plain, dict) or "schema_version" not in plain:
        raise InputError(
            f"{path} is neither results, a profile nor a baseline of bench-freeze; it has no schema_version."
        )
    try:
        snapshot = _snapshot(plain, content, path)
    except msgspec.MsgspecError as error:
        raise InputError(f"{path} does not fit its schema: {error}; write it again with this version.") from None
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} lacks what a check needs ({error}); write it again with this version.") from None
    _check_samples(snapshot, path)
    return Side(path, snapshot, hashlib.sha256(content).hexdigest())


def _snapshot(plain: dict[str, Any], content: bytes, path: Path) -> Snapshot:
    version = plain["schema_version"]
    if plain.get("kind") == KIND:
        _check_version(version, VERSION, path, "`bench-freeze baseline update`")
        check_seal(content, Snapshot, str(path))
        return msgspec.json.decode(content, type=Snapshot)
    if "rows" in plain:
        _check_version(version, SCHEMA_VERSION, path, "the run")
        check_seal(content, Results, str(path))
        return snapshot_of_results(decode(content))
    _check_version(version, PROFILE_VERSION, path, "`bench-freeze profile`")
    check_seal(content, Profile, str(path))
    return snapshot_of_profile(decode_profile(content))


def _check_version(version: Any, known: int, path: Path, again: str) -> None:
    if version != known:
        age = "newer" if isinstance(version, int) and version > known else "older"
        raise InputError(
            f"{path} has schema version {version}, this bench-freeze reads {known}: the file is {age} than this "
            f"version; {'update bench-freeze' if age == 'newer' else f'repeat {again} with this version'}."
        )


def _check_samples(snapshot: Snapshot, path: Path) -> None:
    for row in snapshot.rows:
        for scope, sampled in row.latency.items():
            for number, sample in enumerate(sampled.samples_s):
                if not 0 < sample < math.inf:
                    raise InputError(
                        f"{path}: {row.title}, {scope} latency: sample {number} is {sample} s, which no duration can "
                        "be; measure again."
                    )
        if any(not 0 < joules < math.inf for joules in row.energy_j):
            raise InputError(f"{path}: {row.title}: an energy of {row.energy_j} J cannot be; measure again.")
