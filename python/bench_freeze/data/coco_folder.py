"""Where the images of a COCO json lie: the folder that was named, or COCO's layout beside the json."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import InputError
from ..user_files import read_file


def image_folder(path: Path, file_names: Sequence[str]) -> Path:
    """The folder in COCO's layout that has the images. The split is the last part of the json's name.

    The first folder with the first image, else the first with any. Raises InputError when none has one.
    """
    tried = _layout(path)
    found = _first_with(tried, file_names)
    if found is None:
        raise InputError(
            f"{path}: image {file_names[0]} is not in {', '.join(map(str, tried[:3]))}; name its folder with "
            "--base-images (or --target-images)."
        )
    return found


def image_folder_for(path: Path, file_names: Sequence[str], given: Path | None, *, shared: Path | None = None) -> Path:
    """The folder of a split's images.

    `given` was named for this split: the images lie in it, or in the folder of the split within it. `shared` was named
    for another split: it counts where it has the images, else COCO's layout does. Raises InputError when no image is
    found, and when both have a file of one name with different bytes, since either may be meant.
    """
    if given is not None:
        return _within(path, given, file_names) or given
    if shared is None:
        return image_folder(path, file_names)
    within = _within(path, shared, file_names)
    beside = _first_with(_layout(path), file_names)
    if within is None and beside is None:
        raise InputError(
            f"{path}: image {file_names[0]} is neither in {shared} nor in COCO's layout beside the json; name the "
            "folder of these images with --target-val-images."
        )
    if within is None or beside is None or within.resolve() == beside.resolve():
        return within or beside or shared
    _refuse_other_bytes(path, file_names, within, beside)
    return max((within, beside), key=lambda folder: sum(_present(folder, file_names)))


def image_file(folder: Path, name: str) -> Path:
    """The file of an image by its `file_name`; one written with backslashes is looked for with slashes too."""
    file = folder / name
    if "\\" in name and not has_file(file):
        return folder / name.replace("\\", "/")
    return file


def has_file(file: Path) -> bool:
    """Whether there is such a file; there is none of a name that no file can have."""
    try:
        return file.is_file()
    except (OSError, ValueError):
        return False


def _layout(path: Path) -> list[Path]:
    split = path.stem.rpartition("_")[2]
    root = path.parent.parent
    return [
        root / "images" / split,
        root / split,
        root / "images",
        path.parent / split,
        path.parent / "images",
        path.parent,
    ]


def _within(path: Path, folder: Path, file_names: Sequence[str]) -> Path | None:
    return _first_with([folder, folder / path.stem.rpartition("_")[2]], file_names)


def _first_with(folders: Sequence[Path], file_names: Sequence[str]) -> Path | None:
    """The first folder with the first image, else the first with any; a set without images is anywhere."""
    for names in (file_names[:1], file_names[1:]):
        for folder in folders:
            if not file_names or any(_present(folder, names)):
                return folder
    return None


def _present(folder: Path, file_names: Sequence[str]) -> Iterator[bool]:
    return (has_file(image_file(folder, name)) for name in file_names)


def _refuse_other_bytes(path: Path, file_names: Sequence[str], within: Path, beside: Path) -> None:
    """Files of one name must be equal: all of them in size, the first in its bytes."""
    pairs = ((name, image_file(within, name), image_file(beside, name)) for name in file_names)
    both = ((name, one, other) for name, one, other in pairs if has_file(one) and has_file(other))
    for number, (name, one, other) in enumerate(both):
        if one.stat().st_size != other.stat().st_size or (number == 0 and _bytes(one) != _bytes(other)):
            raise InputError(
                f"{path}: image {name} is in {within} and, with other bytes, in {beside}; name the folder of these "
                "images with --target-val-images."
            )


def _bytes(file: Path) -> bytes:
    return read_file(file, "image", "check its permissions")
