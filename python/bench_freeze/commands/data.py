"""The command `bench-freeze data`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..exit_status import exit_table
from ..text import terminal
from ..text.aligned import aligned
from ..text.json_text import print_findings
from .help_format import Commands, HelpFormatter

if TYPE_CHECKING:
    from ..data.describe import ClassFacts, Description, SetFacts, Spread

CLASSES_SHOWN = 100


def add_data(commands: Commands) -> None:
    """Add the command to the parser."""
    data = commands.add_parser(
        "data",
        help="check data sets and show what they hold: images, boxes, classes, overlaps, anything unusual",
        description="Read and check data sets as `run` does, and show what they hold: images, boxes, classes, sizes, "
        "images that splits share, and every file or row that is clipped, left out or skipped. Needs no torch.",
        epilog=exit_table(done="everything can be read", input="something cannot be read, or a usage error"),
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    data.add_argument("sets", nargs="+", metavar="SET", help="Ultralytics data yaml, or COCO instances json")
    data.add_argument("--images", metavar="DIR", help="image folder of a COCO json (default: COCO's layout beside it)")
    data.add_argument(
        "--yes", action="store_true", help="download a set that Ultralytics ships (coco.yaml) without asking first"
    )
    data.add_argument("--json", action="store_true", help="print json")
    data.set_defaults(call=_data)


def _data(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..console import Console
    from ..data.describe import describe_sets
    from ..data.shipped import fetch
    from ..text.ask import agreed

    for name in parsed.sets:
        fetch(Path(name), lambda question: parsed.yes or agreed(question))
    console = Console(plain=parsed.json)
    with console.step("read data sets") as progress:
        found = describe_sets(
            [Path(name) for name in parsed.sets], Path(parsed.images) if parsed.images else None, progress
        )
    print_findings(found, parsed.json, render)
    return InputError.exit_code if any("problem" in split for split in found["splits"].values()) else 0


def render(found: Description) -> str:
    """The findings as text."""
    lines: list[str] = []
    for path in found["sets"]:
        splits = {split: facts for split, facts in found["splits"].items() if facts["set"] == path}
        for name, split in splits.items():
            lines += [name, *(f"  {line}" for line in _split_lines(split)), ""]
        lines += _class_table([split for split in splits.values() if "problem" not in split])
    shared = [f"shared: {sentence}" for sentence in found["shared"]]
    lines += shared or ["No image is in two splits."]
    return terminal.lines(lines)


def _split_lines(split: SetFacts) -> list[str]:
    if "problem" in split:
        return [f"cannot be used: {split['problem']}"]
    areas, per_image = split["box_areas"], split["boxes_per_image"]
    crowd = f", {split['crowd_boxes']} of them crowd regions" if split["crowd_boxes"] else ""
    lines = [
        f"{split['images']} images of {_range(split['widths'])} x {_range(split['heights'])} pixels, "
        f"{split['background_images']} without boxes",
        f"{split['boxes']} boxes{crowd}: {areas['small']} small, {areas['medium']} medium, {areas['large']} large; "
        f"{_range(per_image)} an image",
        f"sha256 {split['sha256']}",
    ]
    return lines + [f"note: {note}" for note in split["notes"]]


def _class_table(splits: list[SetFacts]) -> list[str]:
    """Boxes of each class in each split, and the number of images with one."""
    if not splits:
        return []
    names = [entry["name"] for entry in splits[0]["classes"]]
    rows = [["boxes (images)", *(split["split"] for split in splits)]]
    rows += [[name, *(_cell(split["classes"][k]) for split in splits)] for k, name in enumerate(names[:CLASSES_SHOWN])]
    lines = [f"  {row}" for row in aligned(rows, words=1, gap=4)]
    if len(names) > CLASSES_SHOWN:
        lines.append(f"  and {len(names) - CLASSES_SHOWN} more (--json has all)")
    return [*lines, ""]


def _cell(entry: ClassFacts) -> str:
    return f"{entry['boxes']} ({entry['images']})"


def _range(values: Spread | None) -> str:
    if values is None:
        return "0"
    low, high = values["min"], values["max"]
    return f"{low:g}" if low == high else f"{low:g} to {high:g} (median {values['median']:g})"
