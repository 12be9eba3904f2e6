"""Find the images of a COCO json: in the given folder, or in COCO's layout beside the json."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import InputError
from ..user_files import read_file


def image_folder(path: Path, file_names: Sequence[str]) -> Path:
    """The image folder in COCO's layout. The split is the last part of the json's name.

    Returns the first folder that has the first image, else the first that has any. Raises InputError if none does.
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

    `given` was named for this split; the images are in it or in its subfolder of the split's name. `shared` was named
    for another split; it is used if it has the images, else COCO's layout is. Raises InputError if no image is found,
    or if two folders have different files of one name, since either could be meant.
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
    """The path of an image by its `file_name`. Backslashes are also tried as slashes."""
    file = folder / name
    if "\\" in name and not has_file(file):
        return folder / name.replace("\\", "/")
    return file


def has_file(file: Path) -> bool:
    """Whether the file exists; False for an invalid file name."""
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
    """The first folder that has the first image, else the first that has any; for a set without images, any folder."""
    for names in (file_names[:1], file_names[1:]):
        for folder in folders:
            if not file_names or any(_present(folder, names)):
                return folder
    return None


def _present(folder: Path, file_names: Sequence[str]) -> Iterator[bool]:
    return (has_file(image_file(folder, name)) for name in file_names)


def _refuse_other_bytes(path: Path, file_names: Sequence[str], within: Path, beside: Path) -> None:
    """Check that files of one name agree: all in size, the first also in its bytes."""
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
