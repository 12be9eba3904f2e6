"""The curves of trainings in a real browser: drawn as they are kept, and readable on a phone in light and dark."""

import pytest

from tests.unit.report.test_report_training import BASE, results

from .conftest import PHONE
from .studies import show_all, write_page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("pages") / "study.html", {"study": results()})


def test_the_curves_are_drawn_and_forgetting_is_seen(open_page, study):
    page = open_page(study)
    show_all(page)
    drawn = page.eval_on_selector("#plot-training-accuracy .plot", "p => p.data")
    by_name = {trace["name"]: trace for trace in drawn}
    assert by_name["freeze 10, base"]["y"] == BASE[10]
    colours = {by_name[f"freeze 10, {data}"]["line"]["color"] for data in ("target", "base")}
    assert len(colours) == 1  # one arm, one colour
    assert by_name["freeze 10, base"]["line"]["dash"] == "dash"
    points = page.locator("#plot-training-accuracy .scatterlayer .trace").last.locator(".points path")
    tops = points.evaluate_all("paths => paths.map(p => p.getBoundingClientRect().top)")
    assert len(tops) == len(BASE[10])
    assert tops == sorted(tops)  # lower from look to look


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_curves_fit_a_phone(open_page, study, scheme):
    page = open_page(study, **PHONE, color_scheme=scheme)
    show_all(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
    for key in ("training-accuracy", "training-loss", "training-rate"):
        box = page.locator(f"#plot-{key} .main-svg").first.bounding_box()
        assert box["width"] > 250
        assert box["x"] + box["width"] <= PHONE["viewport"]["width"]
