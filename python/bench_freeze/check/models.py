"""The models of a run by content: kept beside a baseline or in a run's artifacts, and verified when used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from ..errors import InputError
from ..files import file_sha256, write_whole
from ..user_files import writing
from .read import CheckedRun
from .snapshot import RowSnapshot

SUFFIXES = (".onnx", ".plan", ".engine")
HASH_DIGITS = 64
ENGINES = ("ort", "ort-trt", "trt")  # engines that run a file; torch runs a module, which cannot be kept as one


def kept_folder(baseline: Path) -> Path:
    """The default folder of a baseline's models."""
    return baseline.with_name(f"{baseline.stem}.models")


class ModelFolder:
    """Model files of one folder, looked up by the hash of their content.

    A file whose name is a hash must have that content; other files are hashed once.
    """

    def __init__(self, folder: Path, pattern: str = "*") -> None:
        self.folder = folder
        self._pattern = pattern

    def find(self, sha256: str) -> Path | None:
        """The file with this content. Raises InputError if a file has the name of the hash but other content."""
        for named in (self.folder / f"{sha256}{suffix}" for suffix in SUFFIXES):
            if named.is_file():
                if file_sha256(named) != sha256:
                    raise InputError(
                        f"{named} does not have the content that its name states; restore it, or keep the model again."
                    )
                return named
        return self._by_content.get(sha256)

    @cached_property
    def _by_content(self) -> dict[str, Path]:
        files = sorted(self.folder.glob(self._pattern)) if self.folder.is_dir() else []
        return {file_sha256(file): file for file in files if file.suffix in SUFFIXES and len(file.stem) != HASH_DIGITS}


def models_of(run: CheckedRun, given: Sequence[Path] = ()) -> list[ModelFolder]:
    """The folders that may have a run's models: given ones, the one beside a baseline, a run's artifacts."""
    beside = run.path.parent
    return [
        *(ModelFolder(folder) for folder in given),
        ModelFolder(kept_folder(run.path)),
        ModelFolder(beside / "artifacts", "*/*"),
        ModelFolder(beside),  # a profile's model often lies there
    ]


def find_model(row: RowSnapshot, folders: Iterable[ModelFolder]) -> Path | None:
    """The file that a row ran, or None if no folder has it or the row ran no file."""
    if row.engine not in ENGINES:
        return None
    return next((found for folder in folders if (found := folder.find(row.artifact_sha256)) is not None), None)


def keep_models(run: CheckedRun, baseline: Path, given: Sequence[Path] = ()) -> list[str]:
    """Copy the models of a run's rows beside a baseline, and return their hashes. Models of an earlier baseline are
    removed.

    Raises InputError, before anything is written, if a model cannot be found.
    """
    found = {row.artifact_sha256: _needed(row, run, given) for row in run.snapshot.rows if row.engine in ENGINES}
    if not found:
        raise InputError(
            f"{run.path} has no row that runs a model file; --with-models needs engine ort, ort-trt or trt."
        )
    folder = kept_folder(baseline)
    with writing(folder, "--to"):
        folder.mkdir(parents=True, exist_ok=True)
        names = {sha256: f"{sha256}{path.suffix}" for sha256, path in found.items()}
        for sha256, path in found.items():
            to = folder / names[sha256]
            if not to.is_file() or file_sha256(to) != sha256:
                write_whole(to, path.read_bytes())
            if (card := _side_car(path)).is_file():
                write_whole(_side_car(to), card.read_bytes())
        for old in _kept(folder):
            if old.name not in names.values():
                old.unlink()
                _side_car(old).unlink(missing_ok=True)
    return sorted(found)


def remove_models(baseline: Path) -> None:
    """Remove the models of an earlier baseline if the new one keeps none."""
    folder = kept_folder(baseline)
    for file in list(_kept(folder)) if folder.is_dir() else []:
        file.unlink()
        _side_car(file).unlink(missing_ok=True)


def _needed(row: RowSnapshot, run: CheckedRun, given: Sequence[Path]) -> Path:
    path = find_model(row, models_of(run, given))
    if path is None:
        raise InputError(
            f"--with-models: the file of {row.title} (sha256 {row.artifact_sha256[:12]}) is not in "
            f"{run.path.parent / 'artifacts'} or beside {run.path.name}; give its folder with --models DIR."
        )
    return path


def _kept(folder: Path) -> Iterator[Path]:
    """The models that keep_models wrote."""
    return (file for file in folder.iterdir() if file.suffix in SUFFIXES and len(file.stem) == HASH_DIGITS)


def _side_car(model: Path) -> Path:
    """The side-car that describes a plan's heads (engines/plan_file.py)."""
    return model.with_suffix(f"{model.suffix}.json")
