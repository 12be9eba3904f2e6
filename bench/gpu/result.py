"""What a program of this folder hands over: its json file, with a line of figures for the table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_result(path: Path, figures: str, why: str = "", **data: Any) -> None:
    """Write the file. `figures` stands in the table; `why`, a sentence, says that the step failed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"figures": figures, "why": why, **data}, indent=1) + "\n")
    print(why or figures)
