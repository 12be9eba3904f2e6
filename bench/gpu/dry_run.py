"""Checks every command line of a plan without running it: programs, files and flags must be there.

A program's flags are those that its own help names. compute-sanitizer, which may be missing where a run is prepared,
has a table here of what its documentation names.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from .step import Step

# https://docs.nvidia.com/compute-sanitizer/ComputeSanitizer/index.html#command-line-options, 2025.3
SANITIZER_FLAGS = {"--tool": ("memcheck", "racecheck", "synccheck", "initcheck"), "--error-exitcode": ()}
HELP_SECONDS = 60


@dataclass
class Checked:
    """What a dry run found: `problems` of the plan, and programs and wheels that are `absent` here."""

    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


def dry_run(steps: Sequence[Step], root: Path) -> Checked:
    """Check the steps in their order: one may use the files that those before it make, and need only those."""
    checked = Checked()
    made: set[str] = set()
    known: set[str] = set()
    for step in steps:
        checked.lines += [f"{step.name} ({step.seconds:.0f} s)", f"  $ {shlex.join(step.command)}"]
        problems = [f"needs {name}, which no step before it gives" for name in step.needs if name not in known]
        if step.unless and step.unless not in known:
            problems.append(f"is needless with {step.unless}, which no step before it gives")
        problems += _of_command(step.command, root, made, checked)
        checked.problems += [f"{step.name}: {problem}" for problem in problems]
        made |= {str(path) for path in step.makes}
        known.add(step.given)
    return checked


def _of_command(command: Sequence[str], root: Path, made: set[str], checked: Checked) -> list[str]:
    program, words = command[0], list(command[1:])
    if program in made:
        return []
    name = Path(program).name
    is_there = shutil.which(program) is not None
    if not is_there:
        checked.absent.append(name)
    if name == "compute-sanitizer":
        return _of_sanitizer(words, made)
    if program == sys.executable:
        return _of_python(words, root)
    if name == "nvcc":
        found = _flags_of((program, "--help"), root) if is_there else None
        return [*_unknown(words, found), *_missing_files(words, root)]
    return [] if is_there else [f"there is no program {program}"]


def _of_sanitizer(words: list[str], made: set[str]) -> list[str]:
    problems = []
    while words and words[0].startswith("-"):
        flag, value, words = words[0], words[1], words[2:]
        allowed = SANITIZER_FLAGS.get(flag)
        if allowed is None:
            problems.append(f"compute-sanitizer has no {flag}")
        elif allowed and value not in allowed:
            problems.append(f"compute-sanitizer has no tool {value}")
    if not words or words[0] not in made:
        problems.append(f"no step before it makes the program {words[0] if words else ''}")
    return problems


def _of_python(words: list[str], root: Path) -> list[str]:
    if words[:1] == ["-c"]:
        return []
    if words[:1] != ["-m"]:
        return [] if (root / words[0]).is_file() else [f"there is no file {words[0]}"]
    module, rest = words[1], words[2:]
    if not _is_module(module, root):
        return [f"there is no module {module}"]
    inner = {"pip": rest[:1], "bench_freeze": rest[:1]}.get(module, [])
    asked = "--help-all" if inner == ["run"] else "--help"
    flags = _flags_of((sys.executable, "-m", module, *inner, asked), root)
    problems = _unknown(rest, flags)
    if module == "pytest":
        problems += _missing_files([word for word in rest if "/" in word and not word.startswith("-")], root)
    return problems


@cache
def _flags_of(command: tuple[str, ...], root: Path) -> frozenset[str] | None:
    """The flags that a help text names; None where there is no such text."""
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=HELP_SECONDS, check=False)
    if done.returncode != 0:
        return None
    return frozenset(re.findall(r"(?<![\w-])(--?[A-Za-z][\w-]*)", done.stdout))


def _unknown(words: Sequence[str], flags: frozenset[str] | None) -> list[str]:
    """Flags of the words that a help text does not name; a letter's value may follow it at once, as in -Icsrc."""
    given = [word.partition("=")[0] for word in words if re.match(r"--?[A-Za-z]", word)]
    if flags is None:
        return ["its help cannot be read"] if given else []
    return [f"there is no flag {f}" for f in given if f not in flags and not (f[1] != "-" and f[:2] in flags)]


def _missing_files(words: Sequence[str], root: Path) -> list[str]:
    """Sources that a command names."""
    files = [word for word in words if re.search(r"\.(cu|cpp|py)$", word) or word.startswith("tests/")]
    return [f"there is no file {file}" for file in files if not (root / file).exists()]


def _is_module(module: str, root: Path) -> bool:
    if module.startswith("bench."):
        return (root / module.replace(".", "/")).with_suffix(".py").is_file()
    return find_spec(module) is not None
