"""Make the decisions of the committed studies again, by this version's rule, from the statistics in their files.

    python bench/remake_decisions.py

Nothing is trained, scored or timed. Only `recommendation` of each file changes. A study without statistics (an older
file, whose match data were not kept) has no decision and is left unchanged. The tables beside the files come from
`bench-freeze report FILE --markdown FILE`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench_freeze.conclusions import recommend
from bench_freeze.results.schema import Results
from bench_freeze.results.sealing import seal

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    for path in sorted(RESULTS.glob("fruit9_*.json")):
        plain = msgspec.json.decode(path.read_bytes())
        if not isinstance(plain, dict) or "rows" not in plain or not plain.get("statistics"):
            continue
        results = msgspec.convert(plain, Results)
        results.recommendation = recommend(results)
        before = (plain.get("recommendation") or {}).get("pick")
        plain["recommendation"] = msgspec.to_builtins(results.recommendation)
        content = msgspec.json.format(msgspec.json.encode(plain), indent=1) + b"\n"
        path.write_bytes(content if plain.get("sha256") is None else seal(content))
        after = None if results.recommendation is None else results.recommendation.pick
        print(f"{path.name}: {before} -> {after}")


if __name__ == "__main__":
    main()
