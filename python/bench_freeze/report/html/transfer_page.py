"""A transfer as one HTML page of tables and SVG plots, without scripts and without anything to load."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ...results.transfer import Transfer
from ...text.visible import cell, visible
from ..transfer_text import answer_lines
from .transfer_drawn import EDGE, HEIGHT, LEFT, WIDTH
from .transfer_parts import MAP_SIDE, classification_part, crops_part, look_part, segmentation_part, side_part
from .transfer_pictures import TransferPictures


def transfer_page(transfer: Transfer, pictures: TransferPictures | None = None) -> str:
    """The page with everything that was measured, and the pictures drawn during the run."""
    pictures = pictures or TransferPictures()
    parts = [
        part
        for part in (
            classification_part(transfer),
            side_part(transfer, pictures),
            crops_part(transfer),
            segmentation_part(transfer),
            look_part(transfer, pictures),
        )
        if part
    ]
    sources = [
        {
            "title": cell(f"{own.name} ({own.task}): {own.taken.sentence()}"),
            "lists": [
                (what, list(map(cell, names)))
                for what, names in (("came", own.taken.came), ("new", own.taken.new), ("left", own.taken.left))
                if names
            ],
        }
        for own in transfer.sources
    ]
    loader = FileSystemLoader(Path(__file__).parent / "templates")
    environment = Environment(autoescape=True, loader=loader, undefined=StrictUndefined)
    environment.filters["shown"] = cell
    return environment.get_template("transfer.html.j2").render(
        answers=[
            (visible(own.question), visible(own.published), [visible(line) for line in answer_lines(own)])
            for own in transfer.answers
        ],
        thumbnails=pictures.images,
        notes=list(map(visible, transfer.notes)),
        parts=parts,
        sources=sources,
        command=visible(transfer.command),
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        edge=EDGE,
        side=MAP_SIDE,
    )
