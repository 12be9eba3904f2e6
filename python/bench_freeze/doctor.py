"""`bench-freeze doctor`: what this machine has, which engines can run on it, and what to install for the rest."""

from __future__ import annotations

import os
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from . import __version__
from .engines.availability import PACKAGES, availability
from .engines.cuda_driver import cuda_driver_error
from .environment import environment
from .measure.instructions import Instructions
from .measure.telemetry.cgroup import CgroupSource, quota_note
from .text import terminal
from .user_files import MAX_DATA, read_file


def examine(device: str) -> dict[str, Any]:
    """Findings as plain values."""
    cgroup = CgroupSource().read()
    return {
        "bench_freeze": __version__,
        "extension": _extension(),
        "environment": environment(),
        "nvidia_driver": cuda_driver_error() or "answers",
        "board_steps": _board_steps(),
        "tensorrt": _tensorrt(),
        "cuda_scorer": _cuda_scorer(),
        "cgroup": {"quota_cores": cgroup["quota_cores"], "note": quota_note(cgroup, len(os.sched_getaffinity(0)))},
        "instructions": _instructions(),
        "device": device,
        "engines": {
            name: {"usable": found.usable, "reason": found.reason}
            for name, found in ((name, availability(name, device)) for name in PACKAGES)
        },
    }


def examine_file(path: Path) -> dict[str, Any]:
    """What loading a checkpoint would import, as plain values. It is read from the bytes; no code in it runs.

    Raises InputError for any other file.
    """
    from .dualhead.pickle_scan import globals_of, pickle_of
    from .dualhead.unpickle import refused_globals

    content = read_file(path, "file", "give a checkpoint (.pt)", MAX_DATA)
    names = globals_of(pickle_of(content, str(path), path.suffix.lower()))
    refused = refused_globals(names)
    return {
        "file": str(path),
        "sha256": sha256(content).hexdigest(),
        "bytes": len(content),
        "allowed": [name for name in names if name not in refused],
        "refused": list(refused),
    }


def render_file(findings: dict[str, Any]) -> str:
    """The findings on a checkpoint as text."""
    allowed, refused = findings["allowed"], findings["refused"]
    verdict = (
        "Some of it is not on the allow-list, so the file is refused without --trust-checkpoint: with it, loading "
        "the file could run any program."
        if refused
        else "All of it is on the allow-list, so the file is loaded without running any code of its own."
    )
    return terminal.lines(
        [
            f"{findings['file']}  {findings['bytes']} bytes, sha256 {findings['sha256']}",
            f"It would load {len(allowed) + len(refused)} names; none of its code was run.",
            *(f"  allowed  {name}" for name in allowed),
            *(f"  REFUSED  {name}" for name in refused),
            verdict,
        ]
    )


def render(findings: dict[str, Any]) -> str:
    """Findings as text."""
    environment = findings["environment"]
    lines = [
        f"bench-freeze {findings['bench_freeze']}, Python {environment['python']}, Linux {environment['kernel']}",
        f"compiled extension: {findings['extension']}",
        "",
        f"processor: {environment['cpu']} ({environment['cores']} cores, {environment['architecture']})",
        f"governor: {environment['governor'] or 'not shown by this kernel'}; load average "
        + " ".join(f"{load:.2f}" for load in environment["load_average"]),
        f"processor quota: {_quota(findings['cgroup'])}",
        f"counter of instructions: {findings['instructions']}",
        f"board: {environment['board'] or 'none named'}",
        f"GPUs: {', '.join(environment['gpus']) or 'none'}; NVIDIA driver: {findings['nvidia_driver']}",
        f"TensorRT: {', '.join(findings['tensorrt']['found']) or 'none'}"
        + "".join(f"; {problem}" for problem in findings["tensorrt"]["broken"]),
        f"  for this kind of machine ({findings['tensorrt']['machine']}): {findings['tensorrt']['install']}",
        f"CUDA back end of the extension: {findings['cuda_scorer'] or 'usable'}",
        *_board(findings["board_steps"]),
        "",
        "packages:",
        *(f"  {name:<12} {version or 'not installed'}" for name, version in environment["packages"].items()),
        "",
        f"engines on {findings['device']}:",
        *(
            f"  {name:<8} {'yes' if found['usable'] else 'no '}  {found['reason']}"
            for name, found in findings["engines"].items()
        ),
    ]
    return terminal.lines(lines)


def _board(steps: list[dict[str, str]]) -> list[str]:
    """The steps to a running TensorRT plan on a Jetson; empty on other machines."""
    if not steps:
        return []
    lines = ["", "this Jetson, step by step:"]
    for step in steps:
        lines.append(f"  {step['name']:<14} {'no ' if step['missing'] else 'yes'}  {step['missing'] or step['found']}")
        if step["command"]:
            lines.append(f"  {'':<14}      {step['command']}")
    return lines


def _board_steps(root: Path = Path("/")) -> list[dict[str, str]]:
    from .engines.jetpack import facts_of_board, steps_of_board

    facts = facts_of_board(_cuda_scorer() or "", root)
    return [] if facts is None else [asdict(step) for step in steps_of_board(facts)]


def _instructions() -> str:
    with Instructions() as counter:
        return counter.reason or "there"


def _quota(cgroup: dict[str, Any]) -> str:
    quota = cgroup["quota_cores"]
    return cgroup["note"] or ("none found" if quota is None else f"{quota:g} cores, enough for all that are usable")


def _tensorrt() -> dict[str, Any]:
    """Which TensorRT packages are installed, and what installs the others. No TensorRT object is made, so nothing can
    crash."""
    from .engines.tensorrt_family import broken, install_line, installed, machine_kind

    return {
        "found": [f"{found} ({found.member.module})" for found in installed()],
        "broken": list(broken()),
        "machine": machine_kind(),
        "install": install_line(),
    }


def _cuda_scorer() -> str | None:
    """Why the scorer and the letterbox cannot run on a GPU here; None if they can."""
    try:
        from .kernels.device_array import cuda_unavailable_reason
    except ImportError as error:
        return str(error)
    return cuda_unavailable_reason() or None


def _extension() -> str:
    try:
        from .kernels import ext  # noqa: F401
    except ImportError as error:
        return f"not usable ({error}); install the package again, with a C++17 compiler present"
    return "loaded"
