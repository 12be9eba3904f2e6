"""What the artifacts of a study were made from, without what a machine, a version or a training decides."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

# Hashes of what training or exporting gave, which differ between machines, and what says which machine it was.
_OF_A_MACHINE = frozenset({"versions", "version", "machine", "gpus", "model", "reference", "rows_sha256"})
_OF_A_TRAINING = frozenset({"tuned_sha256", "onnx_sha256", "images_sha256"})


def kept_inputs(out: Path) -> list[dict[str, Any]]:
    """The inputs of every artifact with its kind, sorted, with marks in place of what is left out."""
    found = []
    for manifest in (out / "artifacts").glob("*/manifest.json"):
        content = json.loads(manifest.read_text())
        found.append({"kind": content["kind"], "inputs": {k: _masked(k, v) for k, v in content["inputs"].items()}})
    return sorted(found, key=lambda entry: json.dumps(entry, sort_keys=True))


def _masked(name: str, value: Any) -> Any:
    if name in _OF_A_MACHINE:
        return "..."
    if name in _OF_A_TRAINING:
        return None if value is None else "..."
    return value


if __name__ == "__main__":
    text = json.dumps(kept_inputs(Path(sys.argv[1])), indent=1, sort_keys=True)
    Path(__file__).with_suffix(".json").write_text(text + "\n")
