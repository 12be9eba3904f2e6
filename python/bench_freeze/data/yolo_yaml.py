"""Ultralytics' data yaml: class names and splits, read as Ultralytics' `check_det_dataset` reads it.

Its `path` is looked for where Ultralytics looks (the working directory, then its datasets folder) and beside the yaml.
Nothing is downloaded here.
"""

from __future__ import annotations

import codecs
import json
import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from ..errors import InputError
from ..user_files import MAX_TEXT, check_depth, is_folder, read_file
from .classes import names_by_number
from .shipped import shipped_values

SPLITS = ("train", "val", "test")
_SCALAR = str | int | float | bool


@dataclass(frozen=True)
class YoloYaml:
    """A checked data yaml: its class names, and its splits as existing folders and list files.

    An entry that does not exist is kept under its first candidate path; only reading its split raises an error.
    """

    path: Path
    class_names: tuple[str, ...]
    splits: dict[str, tuple[Path, ...]]
    keypoint_values: int | None = None  # numbers after the box in each row of a pose set, from its `kpt_shape`
    downloads: bool = False  # whether it has a `download` key, which only Ultralytics runs


def read_yolo_yaml(path: Path) -> YoloYaml:
    """Read a data yaml and resolve its paths. Raises InputError if it is missing or incomplete.

    A folder stands for the yaml in it. A bare name that is not on disk but ships with Ultralytics (coco8.yaml) is
    looked up in Ultralytics' datasets folder.
    """
    if is_folder(path):
        path = _yaml_in(path)
    if path.parent == Path() and not exists(path):
        shipped = _shipped_with_ultralytics(path)
        if shipped is not None:
            return shipped
    values = _load(path)
    if "val" not in values and "validation" in values:  # an alias in Ultralytics
        values["val"] = values["validation"]
    return YoloYaml(
        path=path,
        class_names=_class_names(path, values),
        splits=_splits(path, values, _roots(path, values.get("path"))),
        keypoint_values=_keypoint_values(path, values.get("kpt_shape")),
        downloads=bool(values.get("download")),
    )


def _yaml_in(folder: Path) -> Path:
    """The yaml of a folder by Ultralytics' rule: the only one, or the one with the folder's name."""
    found = sorted(folder.glob("*.yaml")) or sorted(folder.glob("*.yml"))
    named = [file for file in found if file.stem == folder.resolve().name]
    if len(found) != 1 and len(named) != 1:
        raise InputError(
            f"{folder} is a folder with {len(found) or 'no'} yaml files; give the path of the data yaml itself."
        )
    return found[0] if len(found) == 1 else named[0]


def _load(path: Path) -> dict[str, object]:
    text = decoded(read_file(path, "data yaml", "give the path of an existing one", MAX_TEXT), errors="replace")
    try:
        values = _parsed(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as yaml ({one_line(error)[:300]}); correct the file.") from None
    check_depth(values, path, "correct the file")
    if not isinstance(values, dict):
        raise InputError(f"{path} is not a data yaml: it has no keys; give one with 'names', 'train' and 'val'.")
    return {key: None if value == "None" else value for key, value in values.items()}


def _parsed(text: str) -> object:
    """The content, by the C parser if available. Control characters are dropped only if parsing fails without that."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, loader)
    except yaml.YAMLError as error:
        clean = "".join(c for c in text if c.isprintable() or c in "\t\n\r")
        if clean == text:
            raise
        try:
            return yaml.load(clean, loader)
        except yaml.YAMLError:
            raise error from None


def decoded(content: bytes, errors: str = "strict") -> str:
    """Text of a user's file: UTF-8, or what its byte order mark says. Raises UnicodeDecodeError."""
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if utf16 else "utf-8-sig", errors)


def _class_names(path: Path, values: dict[str, object]) -> tuple[str, ...]:
    names, count = values.get("names"), _class_count(path, values)
    if names is None:
        if count is None:
            raise InputError(f"{path} has no key 'names'; a data yaml lists its classes there.")
        return tuple(f"class_{k}" for k in range(count))
    named = names_by_number(names, f"{path}: 'names'")
    broken = next((k for k, name in enumerate(named) if "\N{REPLACEMENT CHARACTER}" in name), None)
    if broken is not None:
        raise InputError(f"{path}: the name of class {broken} is not UTF-8 text; save the file as UTF-8.")
    if count is not None and count != len(named):
        raise InputError(f"{path}: nc is {count} but 'names' has {len(named)} classes; correct one of them.")
    return named


def _class_count(path: Path, values: dict[str, object]) -> int | None:
    """The value of `nc`, which may be written as 3, 3.0 or '3'."""
    count = values.get("nc")
    if count is None:
        return None
    if not isinstance(count, _SCALAR):  # not printed: nested aliases could take for ever
        raise InputError(f"{path}: 'nc' is not a number of classes; write a whole number.")
    try:
        number = float(count)
        if number != int(number) or not 1 <= number <= 1_000_000:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{path}: 'nc: {str(count)[:60]}' is not a number of classes; write a whole number.") from None
    return int(number)


def _keypoint_values(path: Path, shape: object) -> int | None:
    if shape is None:
        return None
    if (
        not isinstance(shape, list)
        or len(shape) != 2
        or not all(isinstance(n, int) and not isinstance(n, bool) for n in shape)
        or shape[0] < 1
        or shape[1] not in (2, 3)
    ):
        raise InputError(f"{path}: 'kpt_shape' is not [number of points, 2 or 3]; correct it, or delete it for boxes.")
    return int(shape[0] * shape[1])


def _roots(path: Path, root: object) -> list[Path]:
    """The folders that splits may be relative to, in the order in which they are tried."""
    if root is None or root == "":
        return [path.parent]
    if not isinstance(root, str):
        raise InputError(f"{path}: 'path' is not a text; write the folder of the data set, or delete the key.")
    given = Path(root)
    tried = [given, _datasets_folder() / given, path.parent / given]
    found = _distinct([folder for folder in tried if is_folder(folder)])
    if not found:
        raise InputError(
            f"{path}: 'path: {root[:200]}' is not a folder: neither here, nor beside the yaml, nor in Ultralytics' "
            "datasets folder; correct it or delete the key."
        )
    return found


def _datasets_folder() -> Path:
    """The folder of Ultralytics' data sets, from the settings file that it writes on its first run."""
    config = Path(os.environ.get("YOLO_CONFIG_DIR") or Path.home() / ".config")
    try:
        settings = json.loads((config / "Ultralytics" / "settings.json").read_text())
        return Path(settings["datasets_dir"])
    except (OSError, ValueError, KeyError, TypeError):
        return Path("datasets")


def _splits(path: Path, values: dict[str, object], roots: list[Path]) -> dict[str, tuple[Path, ...]]:
    splits = {}
    for split in SPLITS:
        entries = values.get(split)
        if not entries:
            continue
        named = []
        for entry in entries if isinstance(entries, list) else [entries]:
            if not isinstance(entry, str):
                raise InputError(f"{path}: '{split}' is not a path or a list of paths; name its image folders there.")
            named.append(entry)
        splits[split] = tuple(_located(path, split, entry, roots) for entry in named)
    return splits


def _located(path: Path, split: str, entry: str, roots: list[Path]) -> Path:
    """An entry under the only root that has it. Raises InputError if two roots do: the working directory would decide.

    Roboflow exports `../train/images` beside `train/`, which Ultralytics reads as `train/images`.
    """
    found = []
    for root in roots:
        forms = [root / entry]
        if entry.startswith("../"):
            forms.append(root / entry[3:])
        if "\\" in entry:
            forms += [root / form for form in (entry.replace("\\", "/"), entry.replace("\\", "/").removeprefix("../"))]
        found += [form for form in forms if exists(form)][:1]
    found = _distinct(found)
    if len(found) > 1:
        raise InputError(
            f"{path}: '{split}: {entry}' is both {found[0].resolve()} and {found[1].resolve()}; write the whole path "
            "of the data set at 'path'."
        )
    return found[0] if found else roots[0] / entry


def _distinct(paths: list[Path]) -> list[Path]:
    """One path for each place."""
    return list({path.resolve(): path for path in reversed(paths)}.values())[::-1]


def exists(path: Path) -> bool:
    """As Path.exists, but False for an invalid file name."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _shipped_with_ultralytics(path: Path) -> YoloYaml | None:
    values = shipped_values(path)
    if values is None:
        return None
    roots = [Path(str(values["path"]))]
    return YoloYaml(
        path, _class_names(path, values), _splits(path, values, roots), _keypoint_values(path, values.get("kpt_shape"))
    )


def one_line(error: Exception) -> str:
    """An error's words without line breaks."""
    return " ".join(str(error).split())
