"""The image files of a split of a data yaml, and a count of all other files there.

Folders are searched as in Ultralytics: recursively, through links, without hidden names, sorted as text.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError
from ..user_files import is_folder, read_file
from .images import SUFFIXES
from .tally import Tally
from .yolo_yaml import YoloYaml, decoded, exists, one_line

MAX_LIST_BYTES = 1 << 30


def listed_images(data: YoloYaml, split: str, tally: Tally) -> list[Path]:
    """The image files of a split, sorted as in Ultralytics. Raises InputError if there are none.

    Skipped entries are counted: hidden files with an image's name (`._a.jpg`, notebook checkpoints), files that are not
    images, and lines of list files that name none; so are images that are named twice (and used twice).
    """
    files: list[Path] = []
    for entry in data.splits[split]:
        if is_folder(entry):
            files += _in_folder(entry.resolve(), tally)
        elif exists(entry) and entry.is_file():
            files += _in_list(data, entry.resolve(), split, tally)
        else:
            what = "exists and is neither a folder nor a file" if exists(entry) else "does not exist"
            hint = "; Ultralytics can download this set, `yolo` does it at the first training" if data.downloads else ""
            raise InputError(f"{data.path}: {split}: {entry} {what}; correct the path in the yaml{hint}.")
    if not files:
        places = ", ".join(map(str, data.splits[split]))
        raise InputError(f"{data.path}: {split}: no images in {places}{_passed_over(tally)}; add some.")
    files.sort(key=str)
    twice = [file for file, count in Counter(files).items() if count > 1]
    if twice:
        tally.add("named_twice", str(twice[0]), len(files) - len(set(files)))
    return files


def images_in(folder: Path) -> list[Path]:
    """The image files of a folder given by a flag, found and sorted like those of a split; may be empty."""
    return sorted(_in_folder(folder, Tally()), key=str) if is_folder(folder) else []


def images_named(folder: str) -> list[Path]:
    """The image files of --images. Raises InputError if there are none."""
    found = images_in(Path(folder))
    if not found:
        raise InputError(f"--images {folder}: there are no images; give a folder that has some.")
    return found


def _passed_over(tally: Tally) -> str:
    found = [f"{count} {_WORDS[kind]}" for kind, count in tally.counts.items() if kind in _WORDS]
    return f" ({', '.join(found)})" if found else ""


_WORDS = {"hidden_images": "hidden", "other_files": "with other suffixes", "other_lines": "lines that name no image"}


def _in_folder(folder: Path, tally: Tally) -> Iterator[Path]:
    for file, hidden in _walk(folder):
        is_image = file.suffix.lower() in SUFFIXES
        if hidden:
            tally.add("hidden_images", str(file), int(is_image))
        elif is_image:
            yield file
        elif file.suffix.lower() not in (".txt", ".npy", ".cache"):  # labels, and caches of Ultralytics
            tally.add("other_files", str(file))


def _walk(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Every file below a folder, and whether its name or that of a parent folder is hidden."""
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True, onerror=_unreadable):
        real = os.path.realpath(place)
        if real in seen:  # a circular link
            folders.clear()
            continue
        seen.add(real)
        below = Path(place)
        is_hidden = any(part.startswith(".") for part in below.relative_to(folder).parts)
        for name in names:
            yield below / name, is_hidden or name.startswith(".")


def _unreadable(error: OSError) -> None:
    raise InputError(f"{error.filename} cannot be read ({error.strerror}); check the permissions of the folder.")


def _in_list(data: YoloYaml, file: Path, split: str, tally: Tally) -> Iterator[Path]:
    """The images that a text file names, one per line: relative to the file, else to the working directory."""
    if file.suffix.lower() in SUFFIXES:
        raise InputError(f"{data.path}: {split}: {file} is an image; name its folder, or a list file.")
    content = read_file(file, "list of images", "a list has one image a line", MAX_LIST_BYTES)
    try:
        lines = decoded(content).splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{data.path}: {split}: {file} is not a list of images ({one_line(error)}).") from None
    for number, line in enumerate(lines, start=1):
        name = line.strip()
        if not name:
            continue
        if Path(name).suffix.lower() not in SUFFIXES:
            tally.add("other_lines", f"{file}, line {number}: {name[:60]!r}")
            continue
        beside = file.parent / name
        yield beside if exists(beside) or not exists(Path(name)) else Path(name).absolute()


def label_path(image: Path) -> Path:
    """The label file of an image: `.../labels/x.txt` for `.../images/x.jpg`, by the last folder named images."""
    before, found, behind = f"/{image}".rpartition("/images/")
    text = f"{before}/labels/{behind}" if found else f"/{image}"
    return Path(f"{text[1 : -len(image.suffix)] if image.suffix else text[1:]}.txt")


def count_lone_labels(images: list[Path], labels: list[Path], tally: Tally) -> None:
    """Count label files without an image, and images that share one label file."""
    shared = [path for path, count in Counter(labels).items() if count > 1 and path.is_file()]
    if shared:
        tally.add("shared_labels", str(shared[0]), len(shared))
    known = set(map(str, labels))
    folders = {(os.path.dirname(label), os.path.dirname(image)) for image, label in zip(images, labels, strict=True)}  # noqa: PTH120 - a Path each would cost more than all else
    for folder, beside in sorted(folders):
        if not Path(folder).is_dir():
            continue
        stems = {Path(name).stem for name in _names(beside) if Path(name).suffix.lower() in SUFFIXES}
        for name in sorted(_names(folder)):
            if name.endswith(".txt") and f"{folder}/{name}" not in known and name[:-4] not in stems:
                tally.add("lone_labels", f"{folder}/{name}")


def _names(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if not entry.name.startswith(".")]
