"""The branch whose output is used, for heads with two branches: an explicit choice, the same for all models of a study.

YOLOv10 and YOLO26 train two branches on the same features. `one2many` gives several candidates per object, as other
detectors do, and needs suppression. `one2one` gives one per object and selects its detections itself. The setting in
the checkpoint's file is ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..errors import InputError

if TYPE_CHECKING:
    from torch.nn import Module

HeadBranch = Literal["one2many", "one2one"]
DEFAULT: HeadBranch = "one2many"


def branches_of(detector: Module) -> tuple[HeadBranch, ...]:
    """The branches of a detector's head. A head folded for inference has only one of its two left."""
    head = detector.model[-1]
    parts: tuple[tuple[HeadBranch, str], ...] = (("one2many", "cv2"), ("one2one", "one2one_cv2"))
    return tuple(branch for branch, part in parts if getattr(head, part, None) is not None)


def check_branch(detector: Module, branch: HeadBranch) -> None:
    """Raise InputError if the detector's head does not have this branch."""
    known = branches_of(detector)
    if branch not in known:
        raise InputError(
            f"head_branch = {branch} is not possible: the head of this checkpoint has the branch "
            f"{' and '.join(known)} only; give --head-branch {known[0] if known else DEFAULT}, or leave it out."
        )


def stated_branch(detector: Module, branch: HeadBranch) -> HeadBranch | None:
    """The branch as stated in results; None for a head with only one."""
    return branch if len(branches_of(detector)) > 1 else None


def choose_branch(detector: Module, branch: HeadBranch) -> Module:
    """Set the branch whose output a detector returns, in place. Returns the detector."""
    if len(branches_of(detector)) > 1:
        detector.model[-1].end2end = branch == "one2one"
    return detector


def branch_key(branch: HeadBranch, *detectors: Module) -> dict[str, str]:
    """The branch's part of an artifact key: empty for the default, unless a file sets `end2end` itself.

    Earlier versions followed the file, so the keys of what they made from such files do not have this part.
    """
    asked = any(getattr(detector.model[-1], "end2end", False) for detector in detectors)
    return {"head_branch": branch} if branch != DEFAULT or asked else {}
