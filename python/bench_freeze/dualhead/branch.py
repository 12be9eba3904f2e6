"""The branch of a head that answers, for heads that have two: a stated choice, the same for every model of a study.

YOLOv10 and YOLO26 train two branches on the same features. `one2many` answers as other detectors do, and suppression
selects; `one2one` answers once per object and selects for itself. What a checkpoint's file asks for is not followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..errors import InputError

if TYPE_CHECKING:
    from torch.nn import Module

HeadBranch = Literal["one2many", "one2one"]
DEFAULT: HeadBranch = "one2many"


def branches_of(detector: Module) -> tuple[HeadBranch, ...]:
    """The branches of a detector's head. One that was folded for inference has only one of two left."""
    head = detector.model[-1]
    parts: tuple[tuple[HeadBranch, str], ...] = (("one2many", "cv2"), ("one2one", "one2one_cv2"))
    return tuple(branch for branch, part in parts if getattr(head, part, None) is not None)


def check_branch(detector: Module, branch: HeadBranch) -> None:
    """Raise InputError for a branch that the detector's head does not have."""
    known = branches_of(detector)
    if branch not in known:
        raise InputError(
            f"head_branch = {branch} is not possible: the head of this checkpoint has the branch "
            f"{' and '.join(known)} only; give --head-branch {known[0] if known else DEFAULT}, or leave it out."
        )


def stated_branch(detector: Module, branch: HeadBranch) -> HeadBranch | None:
    """The branch as results state it; None for a head that has only one."""
    return branch if len(branches_of(detector)) > 1 else None


def choose_branch(detector: Module, branch: HeadBranch) -> Module:
    """Set which branch of a detector answers, in place; returns the detector."""
    if len(branches_of(detector)) > 1:
        detector.model[-1].end2end = branch == "one2one"
    return detector


def branch_key(branch: HeadBranch, *detectors: Module) -> dict[str, str]:
    """What a key has of the branch: nothing for the default, unless a file asks for one itself.

    Earlier versions followed the file, so what they made of such files has a key without it.
    """
    asked = any(getattr(detector.model[-1], "end2end", False) for detector in detectors)
    return {"head_branch": branch} if branch != DEFAULT or asked else {}
