"""The end of a run: writes the pick's folder again, for what the study now recommends."""

from __future__ import annotations

from pathlib import Path

from ..console import Console
from ..errors import BenchFreezeError, disk_full
from ..results.schema import Results
from ..results.shipped import BEST
from .choose import picked_row
from .place import remove_ours
from .ship import ship


def ship_pick(out: Path, results: Results, console: Console) -> str | None:
    """Write OUT/best for the pick. Returns the folder's name, or None if there is no pick or writing failed.

    The results are already written, so a failure here is only a warning. An earlier pick's folder is always removed.
    """
    chosen = picked_row(results)
    to = out / BEST
    with console.step(f"write {BEST}/ with {chosen.name}" if chosen is not None else f"write no {BEST}/: no pick"):
        if chosen is None:
            remove_ours(to)
            return None
        try:
            ship(out, results, chosen, to, replace=True)
        except (BenchFreezeError, OSError) as error:
            reason = "the disk is full" if disk_full(error) is not None else str(error)
            console.warn(f"the recommended model was not copied into {to}: {reason}")
            remove_ours(to)
            return None
    return BEST
