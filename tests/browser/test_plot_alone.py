"""A plot of Results.plot in a real browser: as a page of its own, and in a notebook's frame."""

import pytest

from bench_freeze.api.results import Results
from tests.browser.conftest import Watched
from tests.builders import committed

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", ["tradeoff", "depth", "ladder"])
@pytest.mark.parametrize("form", ["page", "frame"])
def test_a_plot_is_drawn_and_loads_nothing(browser, tmp_path, name, form):
    plot = Results(committed(), tmp_path).plot(name)
    file = tmp_path / "plot.html"
    if form == "page":
        plot.save(file)
    else:
        file.write_text(f"<!doctype html><html><body>{plot._repr_html_()}</body></html>", encoding="utf-8")
    watched = Watched()
    page = browser.new_page(viewport={"width": 900, "height": 700})
    watched.watch(page)
    page.goto(file.as_uri())
    inside = page if form == "page" else page.frame_locator("iframe")
    drawn = inside.locator("svg.main-svg").first
    drawn.wait_for(timeout=60_000)
    assert drawn.bounding_box()["width"] > 300
    assert inside.locator("h1").inner_text() == plot.title
    page.close()
    assert (watched.errors, watched.requests) == ([], [])
