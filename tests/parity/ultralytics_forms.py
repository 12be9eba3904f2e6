"""Random data sets in the forms that users have, as files: what Ultralytics and this project are compared on."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from PIL import Image

SIDES = ((64, 48), (30, 90), (50, 50))
# How a label file is wrong in Ultralytics' eyes: it drops the image, this project keeps it.
DROPPED_BY_ULTRALYTICS = ("mixed", "far_over_border")
KINDS = ("boxes", "boxes", "polygons", "empty", "blank", "missing", "repeated", "at_border", *DROPPED_BY_ULTRALYTICS)


@dataclass
class MadeSet:
    """A data set on disk: its yaml, and of each image by name what kind of label file it has."""

    yaml: Path
    classes: int
    kinds: dict[str, str] = field(default_factory=dict)


def make_set(folder: Path, seed: int) -> MadeSet:
    """A data set whose layout, yaml, names and rows are drawn at random."""
    rng = random.Random(seed)
    classes = rng.randint(1, 4)
    points = rng.choice([None, None, None, (2, 2), (17, 3), (5, 2)])
    made = MadeSet(folder / "data.yaml", classes)
    values = _names(rng, classes)
    if points:
        values["kpt_shape"] = list(points)
    root = _root(rng, folder, values)
    for split in ("train", rng.choice(["val", "validation"])):
        values[split] = _split(rng, root, split, made, points)
    made.yaml.write_text(yaml.safe_dump(values, sort_keys=rng.random() < 0.5), encoding=rng.choice(["utf-8", "utf-8"]))
    return made


def _names(rng: random.Random, classes: int) -> dict[str, object]:
    names = [rng.choice(["cat", "Äpfel", "7", "red apple", "x"]) + str(k) for k in range(classes)]
    form = rng.choice(["list", "dict", "text keys", "mixed keys", "nc", "both"])
    if form == "list":
        return {"names": names}
    if form == "nc":
        return {"nc": rng.choice([classes, str(classes), float(classes)])}
    if form == "both":
        return {"names": names, "nc": classes}
    order = rng.sample(range(classes), classes)
    keys = {"dict": int, "text keys": str, "mixed keys": lambda k: str(k) if k % 2 else k}[form]
    return {"names": {keys(k): names[k] for k in order}}


def _root(rng: random.Random, folder: Path, values: dict[str, object]) -> Path:
    """The folder that splits are relative to, and the yaml's `path`."""
    form = rng.choice(["none", "absolute", "empty"])
    if form == "absolute":
        root = folder / "elsewhere"
        root.mkdir()
        values["path"] = str(root)
        return root
    if form == "empty":
        values["path"] = ""
    return folder


def _split(rng: random.Random, root: Path, split: str, made: MadeSet, points: tuple[int, int] | None) -> object:
    form = rng.choice(["folder", "folders", "list", "absolute list", "link", "roboflow", "beside", "inner", "absolute"])
    name = {"roboflow": f"{split}/images", "beside": f"photos_{split}", "inner": f"images/{split}/images"}.get(form)
    places = [root / (name or f"images/{split}")]
    if form == "folders":
        places.append(root / f"more/images/{split}")
    if form == "link":
        places = [root / f"store/images/{split}_photos"]
    files: list[Path] = []
    for place in places:
        files += _images(rng, place, f"{split}{len(files)}", made, points)
    if form == "roboflow":
        return f"../{split}/images"
    if form == "folders":
        return [str(place.relative_to(root)) for place in places]
    if form == "absolute":
        return str(places[0])
    if form == "link":
        (root / "images").mkdir(exist_ok=True)
        (root / f"images/{split}").symlink_to(places[0], target_is_directory=True)
        return f"images/{split}"
    if form in ("list", "absolute list"):
        lines = [str(file) if form == "absolute list" else f"./{file.relative_to(root)}" for file in files]
        lines += rng.choice([[], ["", "  "], [f"{root}/notes.md"]])
        (root / f"{split}.txt").write_text("\n".join(lines), encoding=rng.choice(["utf-8", "utf-8-sig"]))
        return f"{split}.txt"
    return str(places[0].relative_to(root))


def _images(rng: random.Random, place: Path, prefix: str, made: MadeSet, points: tuple[int, int] | None) -> list[Path]:
    files = []
    for i in range(rng.randint(2, 5)):
        suffix = rng.choice([".jpg", ".JPG", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"])
        below = rng.choice(["", "", "a/", "a/b.c/"])
        file = place / below / f"{prefix}_{rng.choice(['x', 'y.z', 'ü w'])}{i}{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", rng.choice(SIDES), (i * 40, 9, 90)).save(file)
        files.append(file)
        _labels(rng, file, made, points)
    for junk in rng.sample([".hidden.jpg", "._a.jpg", ".ipynb_checkpoints/b.jpg", "notes.md", "Thumbs.db"], 2):
        (place / junk).parent.mkdir(exist_ok=True)
        (place / junk).write_bytes(b"x")
    return files


def _labels(rng: random.Random, image: Path, made: MadeSet, points: tuple[int, int] | None) -> None:
    before, found, behind = str(image).rpartition("/images/")
    text_file = Path(f"{before}/labels/{behind}" if found else image).with_suffix(".txt")
    kind = rng.choice(KINDS)
    if points and kind in ("polygons", "mixed", "far_over_border"):
        kind = "boxes"
    made.kinds[image.name] = kind
    if kind == "missing":
        return
    rows = [_row(rng, made.classes, kind, points) for _ in range(rng.randint(2, 4))]
    if kind == "mixed":
        rows = [_row(rng, made.classes, "boxes", None), _row(rng, made.classes, "polygons", None)]
    if kind == "repeated":
        rows += rows[:2]
    if kind in ("empty", "blank"):
        rows = [] if kind == "empty" else ["", "  ", "\t"]
    text_file.parent.mkdir(parents=True, exist_ok=True)
    text = rng.choice(["\n", "\r\n"]).join(rows) + rng.choice(["", "\n", "\n\n"])
    text_file.write_bytes(text.encode(rng.choice(["utf-8", "utf-8-sig"])))


def _row(rng: random.Random, classes: int, kind: str, points: tuple[int, int] | None) -> str:
    label = rng.choice(["{}", "{}.0"]).format(rng.randrange(classes))
    if kind == "polygons":
        values = [rng.random() for _ in range(2 * rng.randint(3, 8))]
    else:
        w, h = rng.uniform(0.05, 0.5), rng.uniform(0.05, 0.5)
        values = [rng.uniform(w / 2, 1 - w / 2), rng.uniform(h / 2, 1 - h / 2), w, h]
    if kind == "at_border":
        values[0], values[2] = 1 - values[2] / 2 + rng.choice([0.004, 1e-7, 0.2]), values[2]
        values[0] = min(values[0], 1.0)
    if kind == "far_over_border":
        values[0] = rng.uniform(1.02, 1.2)
    if points:
        number, size = points
        for _ in range(number):
            values += [rng.random(), rng.random(), rng.choice([0, 1, 2])][:size]
    blank = rng.choice([" ", "  ", "\t"])
    return blank.join([label, *(f"{value:.6f}" for value in values)])
