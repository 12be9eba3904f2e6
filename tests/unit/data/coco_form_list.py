"""Forms of COCO files, each a change of a sound pair, by what they lead to here and in pycocotools."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

Pair = tuple[dict[str, Any], Any]  # instances, results
Change = Callable[[random.Random, dict[str, Any], Any], Any]  # in place; what it returns is not looked at
TextChange = Callable[[bytes, bytes], tuple[bytes, bytes]]


def make_pair(rng: random.Random) -> Pair:
    """Images and categories with gaps in their ids, boxes on a small grid, scores with ties."""
    images = rng.sample(range(1, 40), rng.randint(2, 5))
    categories = rng.sample(range(1, 20), rng.randint(2, 3))

    def box() -> list[float]:
        return [rng.randint(0, 5), rng.randint(0, 5), rng.randint(1, 9), rng.choice([4, 7.5, 40])]

    annotations: list[dict[str, Any]] = [
        {"id": 5 * i + 3, "image_id": rng.choice(images), "category_id": rng.choice(categories), "bbox": box()}
        for i in range(rng.randint(6, 14))
    ]
    for i, entry in enumerate(annotations):
        entry |= {"area": entry["bbox"][2] * entry["bbox"][3], "iscrowd": int(i > 1 and rng.random() < 0.2)}
    results = []
    for _ in range(rng.randint(15, 50)):
        twin = rng.choice(annotations)
        close = [side + rng.choice([0, 0, 0.5, 1]) for side in twin["bbox"]]
        results.append(
            {
                "image_id": rng.choice([twin["image_id"], rng.choice(images)]),
                "category_id": rng.choice([twin["category_id"], twin["category_id"], rng.choice(categories)]),
                "bbox": rng.choice([close, twin["bbox"][:], box()]),
                "score": rng.choice([0.25, 0.5, 0.75, round(rng.random(), 3)]),
            }
        )
    instances = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": 64, "height": 48} for i in images],
        "annotations": annotations,
        "categories": [{"id": c, "name": f"class {c}"} for c in categories],
    }
    return instances, results


def entries(name: str, rows: slice = slice(None), /, **values: Any) -> Change:
    """Values of entries; a callable makes one of the old value, ... removes the key."""

    def change(rng: random.Random, gt: dict[str, Any], dt: Any) -> None:
        for entry in (dt if name == "results" else gt[name])[rows]:
            for key, value in values.items():
                if value is ...:
                    del entry[key]
                else:
                    entry[key] = value(entry[key]) if callable(value) else value

    return change


def renumber(make: Callable[[Any], Any], *, images: bool = True, categories: bool = True, truth: bool = True) -> Change:
    """Other ids of images and categories, in both files or in the results alone."""

    def change(rng: random.Random, gt: dict[str, Any], dt: Any) -> None:
        for name, key, asked in (("images", "image_id", images), ("categories", "category_id", categories)):
            if asked:
                for entry in gt[name] if truth else []:
                    entry["id"] = make(entry["id"])
                for entry in [*(gt["annotations"] if truth else []), *dt]:
                    entry[key] = make(entry[key])

    return change


def added(name: str, entry: dict[str, Any]) -> Change:
    """One more entry, in the middle, with an id of its own."""

    def change(rng: random.Random, gt: dict[str, Any], dt: Any) -> None:
        rows = dt if name == "results" else gt[name]
        rows.insert(len(rows) // 2, rows[0] | entry | ({"id": rng.randrange(1000, 10**9)} if "id" not in entry else {}))

    return change


def bare(entry: dict[str, Any]) -> Change:
    """One more annotation with nothing but these keys and an id."""
    return lambda rng, gt, dt: gt["annotations"].insert(1, entry | {"id": rng.randrange(1000, 10**9)})


def whole(**values: Any) -> Change:
    """Values of the instances file itself."""

    def change(rng: random.Random, gt: dict[str, Any], dt: Any) -> None:
        for key, value in values.items():
            gt.pop(key) if value is ... else gt.update({key: value})

    return change


def shuffled(rng: random.Random, gt: dict[str, Any], dt: Any) -> None:
    for name in list(gt):
        rng.shuffle(gt[name])
        gt[name] = gt.pop(name) if rng.random() < 0.5 else gt[name]


def truth_text(old: bytes, new: bytes) -> TextChange:
    return lambda gt, dt: (gt.replace(old, new, 1), dt)


def results_text(old: bytes, new: bytes) -> TextChange:
    return lambda gt, dt: (gt, dt.replace(old, new, 1))


FIRST = slice(0, 1)  # an annotation that is not a crowd
SECOND = slice(1, 2)
BIG = 2**53

EQUAL: dict[str, Change] = {
    "as it is": lambda rng, gt, dt: None,
    "float ids": renumber(float),
    "float ids of images": renumber(float, categories=False),
    "float ids of categories": renumber(float, images=False),
    "float ids in results": renumber(float, truth=False),
    "one float id among images": entries("images", FIRST, id=float),
    "float ids that annotations name": entries("annotations", image_id=float, category_id=float),
    "text ids": renumber(str),
    "text ids of images": renumber(str, categories=False),
    "text ids of categories": renumber(lambda i: f"c{i}", images=False),
    "text ids beyond ASCII": renumber(lambda i: f"\u00e9{i}\U0001f600", categories=False),
    "negative ids": renumber(lambda i: -i),
    "id 0": renumber(lambda i: i - 1),
    "large ids": renumber(lambda i: i + BIG + 1),
    "large float ids": renumber(lambda i: float(2 * i + BIG)),
    "ids of 63 bits": renumber(lambda i: 2**63 - i),
    "annotation ids as floats": entries("annotations", id=float),
    "annotation ids as text": entries("annotations", id=str),
    "annotation ids of 0": entries("annotations", FIRST, id=0),
    "annotation ids of 0.0": entries("annotations", FIRST, id=0.0),
    "annotation ids of '0'": entries("annotations", FIRST, id="0"),
    "annotation ids of -0.0": entries("annotations", FIRST, id=-0.0),
    "negative annotation ids": entries("annotations", id=lambda i: -i),
    "width null": entries("images", width=None, height=None),
    "no width": entries("images", width=..., height=...),
    "width as text": entries("images", FIRST, width="64"),
    "width as float": entries("images", FIRST, width=64.5),
    "file_name null": entries("images", FIRST, file_name=None),
    "no file_name": entries("images", file_name=...),
    "file_name a number": entries("images", SECOND, file_name=12),
    "file_name beyond ASCII": entries("images", file_name="\u732b/\u72ac.jpg"),
    "name null": entries("categories", FIRST, name=None),
    "no name": entries("categories", name=...),
    "name a number": entries("categories", FIRST, name=3),
    "name a list": entries("categories", FIRST, name=["a"]),
    "equal names": entries("categories", name="same"),
    "iscrowd 0.0": entries("annotations", iscrowd=float),
    "iscrowd true": entries("annotations", iscrowd=bool),
    "iscrowd 2": entries("annotations", SECOND, iscrowd=2),
    "iscrowd 1.0": entries("annotations", SECOND, iscrowd=1.0),
    "crowd without area": entries("annotations", SECOND, iscrowd=1, area=...),
    "crowd with area null": entries("annotations", SECOND, iscrowd=True, area=None),
    "crowd with area as text": entries("annotations", SECOND, iscrowd=1, area="5"),
    "negative area": entries("annotations", SECOND, area=-3),
    "area of large boxes": entries("annotations", area=1e4),
    "area beyond all": entries("annotations", SECOND, area=1e300),
    "zero width": entries("annotations", SECOND, bbox=[1, 1, 0, 5], area=0),
    "outside": entries("annotations", SECOND, bbox=[900, -500, 20, 20]),
    "whole numbers of any length": entries("annotations", SECOND, bbox=[10**30, 0, 10**20, 3]),
    "image not listed": added("annotations", {"image_id": 777}),
    "category not listed": added("annotations", {"category_id": 777}),
    "image null": added("annotations", {"image_id": None}),
    "category null": added("annotations", {"category_id": None}),
    "image id as text in one annotation": entries("annotations", SECOND, image_id=str),
    "image id true": added("annotations", {"image_id": True}),
    "image id 1.5 in one annotation": entries("annotations", SECOND, image_id=1.5),
    "image id beyond 64 bits in one annotation": entries("annotations", SECOND, image_id=2.0**80),
    "image not listed, and nothing else": bare({"image_id": "none", "category_id": 1}),
    "ids that no image has": added("annotations", {"image_id": -5, "category_id": -7}),
    "results of other categories": added("results", {"category_id": 777}),
    "results of no category": added("results", {"category_id": None}),
    "results of other categories without score": added("results", {"category_id": "none", "score": None}),
    "results with more keys": entries("results", area=5, id="x", iscrowd=1, segmentation=[[1, 1, 1, 2, 2, 2]]),
    "scores as whole numbers": entries("results", score=1),
    "negative scores": entries("results", score=lambda s: -s),
    "results without width": entries("results", SECOND, bbox=[1, 1, 0, 5]),
    "no annotations": whole(annotations=[]),
    "no images but one": lambda rng, gt, dt: gt["images"].append({"id": 1000}),
    "category without annotations": lambda rng, gt, dt: gt["categories"].append({"id": 1000, "name": "rare"}),
    "other order": shuffled,
    "more keys": whole(info={"a": [[{}]]}, licenses=None, type="instances"),
    "segmentations": entries("annotations", segmentation={"counts": [1, 2], "size": [3, 4]}, ignore=1),
}

# pycocotools gives numbers; each is refused, and the sentence says why.
REFUSED: dict[str, tuple[Change, str]] = {
    "area NaN": (entries("annotations", FIRST, area=float("nan")), "not JSON .*NaN"),
    "score NaN": (entries("results", FIRST, score=float("nan")), "not JSON .*NaN"),
    "box Infinity": (entries("annotations", FIRST, bbox=[0, 0, float("inf"), 1]), "not JSON .*Infinity"),
    "info NaN": (whole(info=float("nan")), "not JSON .*NaN"),
    "box as text": (entries("annotations", FIRST, bbox=["1", "1", "2", "2"]), "text.*write a float"),
    "box with null": (entries("annotations", FIRST, bbox=[1, 1, None, 2]), "null.*write a float"),
    "box with true": (entries("annotations", FIRST, bbox=[1, 1, True, 2]), "a bool.*write a float"),
    "negative width": (entries("annotations", FIRST, bbox=[1, 1, -3, 2]), "must not be negative"),
    "negative width in results": (entries("results", FIRST, bbox=[1, 1, -3, 2]), r"results\[0\].*not be negative"),
    "iscrowd as text": (entries("annotations", FIRST, iscrowd="0"), "iscrowd is '0'"),
    "iscrowd 0.5": (entries("annotations", FIRST, iscrowd=0.5), "iscrowd is 0.5"),
    "area true": (entries("annotations", FIRST, area=True), "area is True"),
    "score true": (entries("results", FIRST, score=True), "score is True"),
    "image ids true": (added("images", {"id": True}), "id is True"),
    "image ids 1.5": (added("images", {"id": 1.5}), "id is 1.5"),
    "annotation id 1.5": (entries("annotations", FIRST, id=1.5), "id is 1.5"),
    "annotation id '1.0'": (entries("annotations", FIRST, id="1.0"), "id is '1.0' .text."),
    "annotation id null": (entries("annotations", FIRST, id=None), "id is None"),
    "image id twice": (lambda rng, gt, dt: gt["images"].append(gt["images"][0]), "repeats id"),
    "category id twice": (lambda rng, gt, dt: gt["categories"].append(gt["categories"][0]), "repeats id"),
    "annotation id twice": (entries("annotations", slice(0, 2), id=4), "repeats id 4"),
    "ids beyond 64 bits": (renumber(lambda i: i + 2**63), "64 bits"),
    "large float ids among whole": (
        lambda rng, gt, dt: gt["images"].extend([{"id": BIG + 1}, {"id": 0.0}]),
        "beyond 2.*renumber",
    ),
    "annotations name images as text": (entries("annotations", image_id=str), "names image '.*write ids alike"),
    "annotations name categories as text": (entries("annotations", category_id=str), "names category '.*alike"),
    "annotations of other images": (entries("annotations", image_id=lambda i: i + 1000), "no annotation names"),
    "no categories": (whole(categories=[]), "no annotation names"),
    "results name categories as text": (entries("results", category_id=str), "names category '.*alike"),
    "no key annotations": (whole(annotations=...), "no key 'annotations'"),
    "image ids with a null character": (renumber(lambda i: f"{i}\0", categories=False), "null character"),
    "a box of five of another category": (
        added("results", {"category_id": 777, "bbox": [1, 1, 2, 2, 2]}),
        "bbox has length 5",
    ),
}

CRASH: dict[str, Change] = {
    "image without id": entries("images", FIRST, id=...),
    "category without id": entries("categories", FIRST, id=...),
    "annotation without id": entries("annotations", FIRST, id=...),
    "annotation without image": entries("annotations", FIRST, image_id=...),
    "annotation without category": entries("annotations", FIRST, category_id=...),
    "annotation without box": entries("annotations", FIRST, bbox=...),
    "annotation without area": entries("annotations", FIRST, area=...),
    "area null": entries("annotations", FIRST, area=None),
    "area as text": entries("annotations", FIRST, area="5"),
    "area a list": entries("annotations", FIRST, area=[5]),
    "iscrowd null": entries("annotations", FIRST, iscrowd=None),
    "box of 3": entries("annotations", FIRST, bbox=[1, 1, 2]),
    "box of 5": entries("annotations", FIRST, bbox=[1, 1, 2, 2, 2]),
    "box empty": entries("annotations", FIRST, bbox=[]),
    "box null": entries("annotations", FIRST, bbox=None),
    "box as one text": entries("annotations", FIRST, bbox="1234"),
    "box an object": entries("annotations", FIRST, bbox={"x": 1}),
    "box of words": entries("annotations", FIRST, bbox=["a", "b", "c", "d"]),
    "ids of two kinds": lambda rng, gt, dt: gt["images"].append({"id": "a"}),
    "categories of two kinds": lambda rng, gt, dt: gt["categories"].append({"id": "a"}),
    "image id null": lambda rng, gt, dt: gt["images"].append({"id": None}),
    "image id a list": entries("images", FIRST, id=[1]),
    "annotation names a list": entries("annotations", FIRST, image_id=[1]),
    "annotation names an object": entries("annotations", FIRST, category_id={}),
    "images null": whole(images=None),
    "annotations null": whole(annotations=None),
    "categories null": whole(categories=None),
    "no key images": whole(images=...),
    "no key categories": whole(categories=...),
    "images of numbers": whole(images=[3]),
    "annotations of null": lambda rng, gt, dt: gt["annotations"].append(None),
    "result of another image": added("results", {"image_id": 777}),
    "result of an image as text": entries("results", FIRST, image_id=str),
    "results of images as text": entries("results", image_id=str),
    "result of no image": entries("results", FIRST, image_id=None),
    "result without image": entries("results", SECOND, image_id=...),
    "result without category": entries("results", SECOND, category_id=...),
    "result without box": entries("results", SECOND, bbox=...),
    "result without score": entries("results", SECOND, score=...),
    "score null": entries("results", SECOND, score=None),
    "score as text": entries("results", SECOND, score="0.5"),
    "result with a box of 3": entries("results", SECOND, bbox=[1, 1, 2]),
    "result with a box of 5": entries("results", SECOND, bbox=[1, 1, 2, 2, 2]),
    "result with a box as text": entries("results", SECOND, bbox=["1", "1", "2", "2"]),
    "a number among results": lambda rng, gt, dt: dt.append(3),
}

# pycocotools crashes, and what is meant is plain: read.
ACCEPTED: dict[str, Change] = {
    "annotations without iscrowd": entries("annotations", iscrowd=...),
    "iscrowd -1": entries("annotations", SECOND, iscrowd=-1),
    "iscrowd 256": entries("annotations", SECOND, iscrowd=256),
    "no results": lambda rng, gt, dt: dt.clear(),
}

DEEP = b"[" * 100_000 + b"]" * 100_000
EQUAL_TEXTS: dict[str, TextChange] = {
    "numbers with exponents": truth_text(b'"area": ', b'"area": 1E0, "area": '),
    "a key twice": truth_text(b'"image_id": ', b'"image_id": "a", "image_id": '),
    "a list twice": truth_text(b'"annotations": [', b'"annotations": null, "annotations": ['),
    "a key twice in results": results_text(b'"score": ', b'"score": null, "score": '),
    "escaped keys": truth_text(b'"images"', b'"\\u0069mages"'),
    "escaped keys in results": results_text(b'"bbox"', b'"\\u0062box"'),
    "white space": lambda gt, dt: (b"\r\n\t " + gt + b"\n", dt.replace(b"{", b" \n{\t")),
    "nested": truth_text(b"{", b'{"x": ' + b"[" * 300 + b"]" * 300 + b", "),
}
REFUSED_TEXTS: dict[str, tuple[TextChange, str]] = {
    "area 1e999": (truth_text(b'"area": ', b'"area": 1e999, "x": '), r"out of range.*annotations\[0\]\.area"),
    "score 1e999": (results_text(b'"score": ', b'"score": 1e999, "x": '), r"out of range.*\[0\]\.score"),
    "half a character": (truth_text(b'"file_name": "', b'"file_name": "\\ud800'), "not JSON"),
}
CRASH_TEXTS: dict[str, TextChange] = {
    "byte order mark": lambda gt, dt: (b"\xef\xbb\xbf" + gt, dt),
    "byte order mark in results": lambda gt, dt: (gt, b"\xef\xbb\xbf" + dt),
    "UTF-16": lambda gt, dt: (gt.decode().encode("utf-16"), dt),
    "UTF-16 in results": lambda gt, dt: (gt, dt.decode().encode("utf-16-le")),
    "UTF-32": lambda gt, dt: (gt.decode().encode("utf-32"), dt),
    "Latin-1": truth_text(b'"file_name": "', b'"file_name": "\xe9'),
    "Latin-1 in a key that nothing reads": truth_text(b"{", b'{"x": "\xe9", '),
    "trailing text": lambda gt, dt: (gt + b" x", dt),
    "two files in one": lambda gt, dt: (gt, dt + dt),
    "cut": lambda gt, dt: (gt[: len(gt) // 2], dt),
    "cut results": lambda gt, dt: (gt, dt[: len(dt) // 2]),
    "odd value, then cut": lambda gt, dt: (gt, b'[{"image_id":"a"}, {"im'),
    "odd value, then bad bytes": lambda gt, dt: (gt, b'[{"image_id":"a"}, {"im\xff'),
    "empty": lambda gt, dt: (b"", dt),
    "null": lambda gt, dt: (b"null", dt),
    "a list": lambda gt, dt: (b"[]", dt),
    "text": lambda gt, dt: (b'"x"', dt),
    "results null": lambda gt, dt: (gt, b"null"),
    "results an object": lambda gt, dt: (gt, b'{"annotations": ' + dt + b"}"),
    "deep": lambda gt, dt: (DEEP, dt),
    "deep and open": lambda gt, dt: (b'{"images": ' + b"[" * 100_000, dt),
    "deep in a key that nothing reads": truth_text(b"{", b'{"x": ' + DEEP + b", "),
    "deep in a box": truth_text(b'"bbox": ', b'"bbox": ' + DEEP + b', "x": '),
    "deep objects in results": lambda gt, dt: (gt, b'[{"a":' * 100_000),
    "a number of 5000 digits": truth_text(b'"area": ', b'"area": ' + b"9" * 5000 + b', "x": '),
}


def as_texts(pair: Pair) -> tuple[bytes, bytes]:
    """The two files."""
    return json.dumps(pair[0]).encode(), json.dumps(pair[1]).encode()
