"""Reads either side of a check: results.json, a profile, or a baseline; and the match file beside it."""

from __future__ import annotations

import hashlib
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
from ..results.version import check_version, plain_document
from ..user_files import MAX_DATA, MissingFile, read_file
from .snapshot import KIND, VERSION, Snapshot, snapshot_of_profile, snapshot_of_results

WHAT = "a results.json, a profile or a baseline"


class NoMatches(InputError):
    """Match data are missing, as opposed to belonging to something else."""


@dataclass(frozen=True)
class CheckedRun:
    """One run: its file, its checked values, and its evaluations, which are read on first use."""

    path: Path
    snapshot: Snapshot
    sha256: str = field(repr=False)

    @cached_property
    def evaluations(self) -> Mapping[str, Evaluation]:
        """The evaluations by entry name. Raises NoMatches without a match file, InputError if it is damaged or a
        different one."""
        facts = self.snapshot.matches
        if facts is None:
            raise NoMatches(
                f"{self.path} names no match file, so its accuracy cannot be tested; make it again with this version, "
                "or turn accuracy off (--max-map-drop off --max-f1-drop off --max-calibration-increase off)."
            )
        path = self.path.parent / facts.file
        try:
            content = read_file(path, f"match file of {self.path.name}", "accuracy is tested on it", MAX_DATA)
        except MissingFile as error:
            raise NoMatches(str(error)) from None
        if len(content) != facts.bytes or hashlib.sha256(content).hexdigest() != facts.sha256:
            raise InputError(
                f"{path} is not the match file that {self.path.name} was written with; take both from one run."
            )
        return parse_matches(content, str(path))


def read_side(path: Path) -> CheckedRun:
    """Read one side. Raises InputError if the file is missing, truncated, or of another kind or version."""
    content = read_file(path, "file", f"give {WHAT}")
    plain = plain_document(content, path, WHAT)
    try:
        snapshot = _snapshot(plain, content, path)
    except msgspec.MsgspecError as error:
        raise InputError(f"{path} does not fit its schema: {error}; write it again with this version.") from None
    _check_samples(snapshot, path)
    return CheckedRun(path, snapshot, hashlib.sha256(content).hexdigest())


def _snapshot(plain: dict[str, Any], content: bytes, path: Path) -> Snapshot:
    version = plain["schema_version"]
    if plain.get("kind") == KIND:
        check_version(version, VERSION, path, "`bench-freeze baseline update`")
        check_seal(content, Snapshot, str(path))
        return msgspec.json.decode(content, type=Snapshot)
    if "rows" in plain:
        check_version(version, SCHEMA_VERSION, path, "the run")
        check_seal(content, Results, str(path))
        return snapshot_of_results(decode(content))
    check_version(version, PROFILE_VERSION, path, "`bench-freeze profile`")
    check_seal(content, Profile, str(path))
    return snapshot_of_profile(decode_profile(content))


def _check_samples(snapshot: Snapshot, path: Path) -> None:
    for row in snapshot.rows:
        for scope, sampled in row.latency.items():
            for number, sample in enumerate(sampled.samples_s):
                if not 0 < sample < math.inf:
                    raise InputError(
                        f"{path}: {row.title}, {scope} latency: sample {number} is {sample} s, which cannot be a "
                        "duration; measure again."
                    )
        if any(not 0 < joules < math.inf for joules in row.energy_j):
            raise InputError(f"{path}: {row.title}: an energy of {row.energy_j} J is impossible; measure again.")
