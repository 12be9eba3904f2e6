"""What NVML answers here: every call that the telemetry makes, answer or error, and the reading made of them.

    python -m bench.gpu.nvml --json FILE

The answers can be replayed: a test that gives them to `NvmlGpu` sees what this machine saw.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bench_freeze.measure.telemetry.nvml import NvmlGpu

from .result import write_result


class Recorder:
    """The pynvml module, with a note of every question and what came of it."""

    def __init__(self, api: Any) -> None:
        self._api = api
        self.asked: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._api, name, None)
        if not name.startswith("nvml") or name[4:5].islower():
            return getattr(self._api, name)
        if found is None:
            self.asked.append({"call": name, "error": "this nvidia-ml-py has no such call"})
            raise AttributeError(name)

        def ask(*arguments: Any) -> Any:
            note: dict[str, Any] = {"call": name, "arguments": [a for a in arguments if isinstance(a, int | list)]}
            self.asked.append(note)
            try:
                answer = found(*arguments)
            except self._api.NVMLError as error:
                note["error"] = f"{type(error).__name__}: {error}"
                raise
            note["answer"] = plain(answer)
            return answer

        return ask


def plain(value: Any) -> Any:
    """An answer as json has it: a structure by its fields, a handle by its type's name."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, list | tuple) or hasattr(value, "_length_"):
        return [plain(item) for item in value]
    fields = getattr(value, "_fields_", None)
    if fields:
        return {field[0]: plain(getattr(value, field[0])) for field in fields}
    return type(value).__name__


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        write_result(options.json, "", f"NVML does not answer: {error}")
        return
    recorder = Recorder(pynvml)
    reading = NvmlGpu(0, recorder).read()
    refused = sorted({f"{note['call']}: {note['error']}" for note in recorder.asked if "error" in note})
    absent = [name for name, value in reading.items() if value is None]
    write_result(
        options.json,
        f"{len(recorder.asked) - len(refused)} of {len(recorder.asked)} calls answered; {reading['model']}, "
        f"{reading['sm_clock_mhz']} MHz of {reading['sm_clock_max_mhz']}, {reading['power_w']} W, "
        f"{reading['temperature_c']} C; not told: {', '.join(absent) or 'nothing'}",
        reading=reading,
        refused=refused,
        asked=recorder.asked,
    )


if __name__ == "__main__":
    main()
