"""Fuzzing of the compiled scorer: the C++ entry points by libFuzzer, what Python sees of them by generated calls.

    python -m bench.robustness.native [--minutes 10] [--seed 0] [--json FILE]

Both parts run under AddressSanitizer and UndefinedBehaviorSanitizer. libFuzzer keeps an input that reaches new code
and varies it; the harnesses (tests/csrc/fuzz) turn an input into arguments, sound or hostile, pass them through the
checks at the border (csrc/checks.h) and look at every answer. In Python the same entry points are called through the
public functions, by tests/unit/kernels/fuzz_extension.py and the property tests of the border. Without a clang that has
libFuzzer, the first part is left out and said to be.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.robustness.sanitized import FLAGS, ROOT, TARGETS, Unavailable, build_extension, build_fuzzers, run_copy

from bench_freeze.environment import environment

HANG_S = 5
LONGEST_INPUT = 600  # bytes; a whole data set of a few images fits
HARNESSES = ROOT / "tests" / "csrc" / "fuzz"
PROPERTIES = ("test_border_types.py", "test_border_native.py", "test_border_numbers.py")
PATIENCE_S = 300  # for a Python program beyond its own time
HUNG = -999  # no program's own status
PYTHON_SHARE = 0.2  # of the time: libFuzzer makes a hundred times as many calls
# Whole files, from which libFuzzer gets to the insides of the readers at once.
TEXTS = (
    b'[{"image_id":1,"category_id":2,"bbox":[1,2,3.5,4e0],"score":0.5},{"image_id":2,"category_id":1,"score":1,'
    b'"bbox":[0,0,1,1],"segmentation":[[1,2],{"a":null,"b":true}]}]',
    b'{"images":[{"id":1}],"annotations":[{"id":1,"image_id":1,"category_id":1,"bbox":[0,0,1,1],"area":1.0,'
    b'"iscrowd":0},{"id":2,"image_id":1,"category_id":1,"bbox":[0,0,1,1],"area":1,"iscrowd":true}],"info":"x"}',
)


def run(minutes: float, seed: int) -> dict[str, Any]:
    """Fuzz for about so many minutes beside the builds; calls, edges and findings of each entry point.

    `findings` is empty where nothing crashed, hung for 5 s or gave an answer that cannot be.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-freeze-fuzz-") as name:
        folder = Path(name)
        cpp = _cpp(folder, 60 * minutes * (1 - PYTHON_SHARE), seed)
        python = _python(folder, 60 * minutes * PYTHON_SHARE, seed)
    parts = [*cpp.get("targets", {}).values(), *python.get("targets", {}).values()]
    findings = [*cpp.pop("findings", []), *python.pop("findings", [])]
    return {
        "calls": sum(part["calls"] for part in parts),
        "crashes": sum(finding["kind"] == "crash" for finding in findings),
        "hangs": sum(finding["kind"] == "hang" for finding in findings),
        "findings": findings,
        "seed": seed,
        "minutes": round((time.monotonic() - began) / 60, 2),
        "sanitizer_flags": FLAGS,
        "cpp": cpp,
        "python": python,
    }


def _cpp(folder: Path, seconds: float, seed: int) -> dict[str, Any]:
    try:
        programs, compiler = build_fuzzers(folder / "fuzz")
    except Unavailable as reason:
        return {"left_out": f"{reason}: the C++ entry points were called through Python only"}
    findings: list[dict[str, Any]] = []
    targets = {}
    for target in TARGETS:
        targets[target], found = _fuzz(programs[target], folder / f"corpus-{target}", seconds / len(TARGETS), seed)
        findings += found
    return {"compiler": compiler, "fuzzer": "libFuzzer", "targets": targets, "findings": findings}


def _fuzz(program: Path, corpus: Path, seconds: float, seed: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One program for its time, begun again after a finding; an input of a finding is reported as hexadecimal."""
    corpus.mkdir()
    options = [f"-timeout={HANG_S}", f"-max_len={LONGEST_INPUT}", "-rss_limit_mb=4096", "-print_final_stats=1"]
    if program.name == "fuzz-json":
        options.append(f"-dict={HARNESSES / 'json.dict'}")
        for number, text in enumerate(TEXTS):
            (corpus / f"file-{number}").write_bytes(b"\0" + text)
    end = time.monotonic() + seconds
    total = {"calls": 0, "answered": 0, "refused": 0, "edges": 0, "inputs_kept": 0}
    findings: list[dict[str, Any]] = []
    while (left := int(end - time.monotonic())) > 0 and len(findings) < 10:
        artifacts = corpus.with_name(f"{corpus.name}-found-{len(findings)}-")
        command = [program, corpus, *options, f"-seed={seed + 1 + len(findings)}", f"-max_total_time={left}"]
        done = subprocess.run(
            [*map(str, command), f"-artifact_prefix={artifacts}"],
            capture_output=True,
            text=True,
            errors="replace",
            env=os.environ | {"UBSAN_OPTIONS": "print_stacktrace=1"},
            check=False,
        )
        total["calls"] += _number(r"stat::number_of_executed_units:\s+(\d+)", done.stderr)
        total["answered"] += _number(r"^answered (\d+) refused", done.stderr)
        total["refused"] += _number(r"^answered \d+ refused (\d+)", done.stderr)
        total["edges"] = max([total["edges"], *map(int, re.findall(r" cov: (\d+) ", done.stderr))])
        if done.returncode == 0:
            break
        inputs = sorted(artifacts.parent.glob(f"{artifacts.name}*"))
        findings.append(
            {
                "target": program.name,
                "kind": "hang" if "ERROR: libFuzzer: timeout" in done.stderr else "crash",
                "input": inputs[0].read_bytes().hex() if inputs else None,
                "said": done.stderr[-4000:],
            }
        )
    total["inputs_kept"] = len(list(corpus.iterdir()))
    return total, findings


def _python(folder: Path, seconds: float, seed: int) -> dict[str, Any]:
    try:
        variables, compiler = build_extension(folder / "copy")
    except Unavailable as reason:
        return {"left_out": str(reason)}
    findings: list[dict[str, Any]] = []
    targets = {}
    program = ROOT / "tests" / "unit" / "kernels" / "fuzz_extension.py"
    done = _within(seconds / 2 + PATIENCE_S, folder / "copy", variables, [program, seed, seconds / 2])
    for name, answered, refused in re.findall(r"^(\w+) (\d+) (\d+)$", done.stdout, re.MULTILINE):
        targets[name] = {"calls": int(answered) + int(refused), "answered": int(answered), "refused": int(refused)}
    if done.returncode != 0:
        findings.append(_finding(program.name, done))
    # A property test has its number of examples; its seed goes on until the time is over.
    end = time.monotonic() + seconds / 2
    rounds = 0
    while rounds == 0 or (time.monotonic() < end and not findings):
        tests = [ROOT / "tests" / "unit" / "kernels" / name for name in PROPERTIES]
        flags = [
            "-q",
            "-s",
            "-p",
            "no:cacheprovider",
            f"--hypothesis-seed={seed + rounds}",
            "--hypothesis-show-statistics",
        ]
        done = _within(PATIENCE_S, folder / "copy", variables, ["pytest", *flags, *tests])
        if done.returncode != 0:
            findings.append(_finding("properties", done))
        examples = sum(map(int, re.findall(r"(\d+) passing", done.stdout)))
        other = _number(r"(\d+) passed", done.stdout)
        kept = targets.setdefault("properties", {"calls": 0, "rounds": 0})
        kept["calls"] += examples + other
        rounds += 1
        kept["rounds"] = rounds
    return {"compiler": compiler, "fuzzer": "hypothesis and random calls", "targets": targets, "findings": findings}


def _within(
    seconds: float, folder: Path, variables: dict[str, str], program: list[Any]
) -> subprocess.CompletedProcess[str]:
    """As run_copy; a program that is not done by then counts as one that hangs."""
    try:
        return run_copy(folder, variables, program, seconds)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(program, HUNG, "", f"not done after {seconds:.0f} s")


def _finding(target: str, done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    kind = "hang" if done.returncode == HUNG else "crash"
    return {"target": target, "kind": kind, "said": done.stdout[-2000:] + done.stderr[:4000]}


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text, re.MULTILINE)
    return int(found.group(1)) if found else 0


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parsed = parser.parse_args()
    result = run(parsed.minutes, parsed.seed) | {"environment": environment()}
    text = json.dumps(result, indent=1)
    if parsed.json:
        parsed.json.write_text(text + "\n")
    print(text)
    raise SystemExit(1 if result["findings"] else 0)


if __name__ == "__main__":
    main()
