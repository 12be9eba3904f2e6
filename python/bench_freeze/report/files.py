"""The files of a row's model as paths relative to the output folder, for the page and for CSV."""

from __future__ import annotations

from ..results.profile import Profile
from .view import RowView

FILES = ("onnx_file", "plan_file", "weights_file")


def files_of(row: RowView) -> dict[str, str]:
    """The files of a row by their names in results.json; empty for a profile and for a mean over seeds."""
    if row.kind == "mean" or isinstance(row.record, Profile):
        return {}
    named = {name: getattr(row.record.artifact, name) for name in FILES}
    return {name: file for name, file in named.items() if file is not None}
