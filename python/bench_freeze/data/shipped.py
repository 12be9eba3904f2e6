"""Data sets that Ultralytics ships by name, such as coco.yaml: found on this machine, or downloaded on consent.

Reading never downloads. `fetch` does, once, before a command begins to read.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from ..errors import InputError

# The default base set of a study: Ultralytics' released checkpoints were trained on it.
COCO = "coco.yaml"


def shipped_values(path: Path) -> dict[str, object] | None:
    """The content of a data yaml that Ultralytics ships, with paths resolved; None for an unknown name.

    Raises InputError if its images are not on this machine.
    """
    file = _file(path)
    if file is None:
        return None
    values = _read(path)
    if values is None:
        raise InputError(
            f"{path} is not on this machine{_size(file)}; let Ultralytics download it with `bench-freeze data {path} "
            "--yes`, or give the path of a set that is here."
        )
    return {key: value for key, value in values.items() if key != "nc"}


def fetch(path: Path, agree: Callable[[str], bool]) -> None:
    """Let Ultralytics download a set that it ships, if it is not on this machine and `agree` returns True.

    Raises InputError if `agree` returns False, or if the download fails.
    """
    file = _file(path)
    if file is None or _read(path) is not None:
        return
    size = _size(file)
    if not agree(f"{path} is not on this machine. Let Ultralytics download it now{size}?"):
        smaller = (
            " As a base set COCO's validation images are enough: --base .../annotations/instances_val2017.json."
            if path.name == COCO
            else ""
        )
        raise InputError(
            f"{path} is not on this machine, and nothing is downloaded unasked{size}; add --yes, or give the path of a "
            f"set that is here.{smaller}"
        )
    from ultralytics.data.utils import check_det_dataset

    try:
        check_det_dataset(path.name)
    except Exception as error:  # whatever its network stack raises
        raise InputError(
            f"{path} is not on disk and Ultralytics could not fetch that data set ({_words(error)}); "
            "check the network or give the path of a yaml."
        ) from None


def _file(path: Path) -> Path | None:
    """The yaml inside Ultralytics' package, found without loading it."""
    if path.parent != Path() or path.suffix not in (".yaml", ".yml") or _exists(path):
        return None
    spec = find_spec("ultralytics")
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        file = Path(folder) / "cfg" / "datasets" / path.name
        if _exists(file):
            return file
    return None


def _read(path: Path) -> dict[str, object] | None:
    """The set as Ultralytics reads it; None if its images are missing."""
    from ultralytics.data.utils import check_det_dataset

    log = logging.getLogger("ultralytics")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        values: dict[str, object] = check_det_dataset(path.name, autodownload=False)
    except FileNotFoundError:
        return None
    except Exception as error:  # the set is present but incomplete
        raise InputError(f"{path} cannot be read by Ultralytics ({_words(error)}); give the path of a yaml.") from None
    finally:
        log.setLevel(level)
    return values


def _size(file: Path) -> str:
    """The download size as the yaml states it."""
    said = re.search(r"downloads here \(([^)\n]{1,60})", file.read_text(errors="replace"))
    return f" ({said[1]})" if said else ""


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
