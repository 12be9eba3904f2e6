"""The pictures of README and documentation: screenshots of reports in Chromium.

python bench/readme_pictures.py [--demo runs/demo] [--out docs/pictures]

Tables and plots show the committed results of a real study. Example images come only from the embedded demo, whose
images the project generates itself; without --demo, the picture of them is not renewed.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from bench_freeze.report.documents import read_documents
from bench_freeze.report.html.page import report_page
from bench_freeze.report.html.transfer_page import transfer_page
from bench_freeze.results.transfer import decode_transfer

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
MOST_BYTES = 300_000
SCREEN = 1900
WIDE = 1280
COLOURS = 256
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    """Take all pictures; returns 1 if one is too large."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, help="folder of a finished `make demo`")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    browser_path = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser_path is None:
        print("no Chromium on PATH; Debian: apt-get install chromium", file=sys.stderr)
        return 2
    taken = {}
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=browser_path)
        real = _open(browser, RESULTS / "fruit9_depths_seeds_320.json", Path(folder), width=1000)
        real.locator("#accuracy > summary").click()
        real.wait_for_selector("#plot-ladder .plot svg.main-svg")
        taken["ladder"] = real.locator("#plot-ladder").screenshot()
        wide = _open(browser, RESULTS / "fruit9_depths_seeds_320.json", Path(folder), width=WIDE)
        taken["report"] = wide.screenshot(clip=_first_screen(wide, WIDE), full_page=True)
        taken["decision"] = wide.locator("#summary .decision").screenshot()
        depth = wide.locator("#plot-depth")  # the plot alone: without the unfoldable details, and without extra height
        depth.evaluate("figure => { figure.querySelector('details').remove(); figure.style.alignSelf = 'start'; }")
        taken["depth"] = depth.screenshot()
        taken["transfer"] = _transfer(browser, RESULTS / "transfer_coco_seg_tuned.json", Path(folder))
        if options.demo is not None:
            demo = _open(browser, options.demo, Path(folder), width=1000)
            demo.locator("#gallery-controls [name=names]").check()
            taken["examples"] = demo.screenshot(clip=_cards(demo), full_page=True)
        browser.close()
    for name, content in taken.items():
        path = options.out / f"{name}.png"
        small = Image.open(io.BytesIO(content)).convert("RGB").quantize(COLOURS)
        small.save(path, optimize=True)
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")
    return int(any((options.out / f"{name}.png").stat().st_size > MOST_BYTES for name in taken))


def _open(browser: Any, results: Path, folder: Path, width: int) -> Any:
    """Open the report of some results in a window of its own."""
    documents = read_documents([results])
    file = folder / f"{results.stem}.html"
    file.write_text(report_page(documents.view, documents.examples, documents.no_examples))
    page = browser.new_page(viewport={"width": width, "height": SCREEN}, device_scale_factor=1)
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-plots=drawn]")
    return page


def _transfer(browser: Any, results: Path, folder: Path) -> bytes:
    """The page of a transfer from its top to the end of the second plot."""
    file = folder / f"{results.stem}.html"
    file.write_text(transfer_page(decode_transfer(results.read_bytes())))
    page = browser.new_page(viewport={"width": 900, "height": SCREEN}, device_scale_factor=1)
    page.goto(file.as_uri())
    box = page.locator("svg").nth(1).bounding_box()
    content: bytes = page.screenshot(
        clip={"x": 0, "y": 0, "width": 900, "height": box["y"] + box["height"] + 8}, full_page=True
    )
    return content


def _first_screen(page: Any, width: int) -> dict[str, float]:
    """From the top of the page to the end of the table or of the screen."""
    box = page.locator("#table").bounding_box()
    return {"x": 0, "y": 0, "width": width, "height": min(box["y"] + box["height"] + 8, SCREEN)}


def _cards(page: Any) -> dict[str, float]:
    """The colour key, two cards of the target set, and one of the base set on which something was lost."""
    page.locator("#gallery details.rest[data-role=base] > summary").click()
    page.evaluate(
        """() => {
        const [target, ...base] = document.querySelectorAll("#gallery .cards");
        const all = base.flatMap((cards) => [...cards.children]);
        const lost = all.filter((card) => card.textContent.includes("lost most"));
        const shown = new Set([...[...target.children].slice(0, 2), ...(lost.length ? lost : all).slice(0, 1)]);
        for (const card of document.querySelectorAll("#gallery .card")) card.hidden = !shown.has(card);
        for (const more of document.querySelectorAll("#gallery details.rest > summary")) more.hidden = true;
        }"""
    )
    page.evaluate("scrollTo(0, 0)")  # boxes are relative to the window, the clip is relative to the page
    top, end = page.locator(".key").bounding_box(), page.locator("#gallery").bounding_box()
    return {"x": 0, "y": top["y"] - 8, "width": 1000, "height": end["y"] + end["height"] - top["y"] + 8}


if __name__ == "__main__":
    raise SystemExit(main())
