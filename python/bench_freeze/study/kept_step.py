"""Produce an artifact as one step of the progress display."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ..artifact import Artifact, ArtifactStore
from ..console import Console, Step
from ..pace import Work


def kept_step(
    console: Console,
    store: ArtifactStore,
    title: str,
    kind: str,
    inputs: Mapping[str, object],
    build: Callable[[Path, Step], object],
    *,
    again: bool = False,
    still: bool = False,
    work: Work | None = None,
) -> Artifact:
    """The artifact of these inputs, found or made by `build(folder, step)`; the step shows "kept" if it was found.

    `again` forces a new artifact, `still` disables the animation, and `work` is the step's share of the run.
    """
    with console.step(title, still=still, work=work) as step:
        artifact, made = store.produce(kind, inputs, lambda folder: build(folder, step), again=again)
        step.kept = not made
    return artifact
