"""The page of the Python interface, from signatures and docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import bench_freeze

from .markdown import code

ORDER = (
    "Study", "run", "Results", "Plot", "load", "Model", "ImageDetections", "Evaluator", "Evaluation", "compare",
    "GroundTruth", "DetectionTable", "nms", "Detections", "Letterbox", "InputError",
)  # fmt: skip


def python_api() -> str:
    """A section for each public name, what it has in it below."""
    names = [*ORDER, *(name for name in bench_freeze.__all__ if name not in ORDER)]
    return "\n\n".join(_section(name) for name in names if not isinstance(getattr(bench_freeze, name), str))


def _section(name: str) -> str:
    value = getattr(bench_freeze, name)
    parts = [f"(api-{name.lower()})=", f"## {name}"]
    if isinstance(value, tuple):
        return "\n\n".join([*parts, "One of " + ", ".join(f"`{word}`" for word in value) + "."])
    parts += [code(f"{name}{_signature(value)}", "python"), docstring(value)]
    if inspect.isclass(value):
        for member, function in _members(value):
            parts += [f"### {name}.{member}", *_call(name, member, function), docstring(function)]
    return "\n\n".join(part for part in parts if part)


def _members(kind: type) -> Iterator[tuple[str, object]]:
    for member, value in vars(kind).items():
        public = not member.startswith("_") and inspect.getdoc(value)
        if public and (inspect.isroutine(value) or isinstance(value, property | classmethod | staticmethod)):
            yield member, value


def _call(name: str, member: str, value: object) -> list[str]:
    if isinstance(value, property):
        return []
    function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
    return [code(f"{name}.{member}{_signature(function)}", "python")]


def _signature(value: object) -> str:
    try:
        text = str(inspect.signature(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""
    text = re.sub(r"\((?:self|cls)(?:, )?", "(", text, count=1)
    return re.sub(r"bench_freeze(?:\.\w+)*\.|'", "", text)


def docstring(value: object) -> str:
    """A docstring as Markdown: its examples, which the tests run, become blocks of their own."""
    lines = (inspect.getdoc(value) or "").splitlines()
    parts: list[str] = []
    example: list[str] = []
    for line in [*lines, ""]:
        if line.strip().startswith(">>>") or (example and line.strip()):
            example.append(line)
            continue
        if example:
            parts += ["", code(inspect.cleandoc("\n".join(example)), "pycon"), ""]
            example = []
        parts.append("" if line.strip() == "Example:" else line)
    return "\n".join(parts).strip()
