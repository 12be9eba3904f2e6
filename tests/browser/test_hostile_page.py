"""A page whose every name is hostile, in a real browser: it shows them, and none of them does anything."""

import csv
import io
import json
from itertools import cycle

import pytest

from bench_freeze.results.schema import decode
from bench_freeze.text.visible import cell, visible
from tests.builders import PRECISIONS, RESULTS
from tests.hostile import NAMES, acts

from .studies import examples_of, show_all, write_page

pytestmark = pytest.mark.browser


def classes_of(content):
    return [name for role in ("target", "base") for name in content["data"][role]["classes"]]


def renamed(value, names, key=""):
    if isinstance(value, dict):
        return {names[k] if key == "per_class" else k: renamed(item, names, k) for k, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def attack(tmp_path_factory):
    """A real study whose classes have these names, its other texts one of them, and two example images."""
    content = json.loads((RESULTS / f"{PRECISIONS}.json").read_text())
    pairs = zip(dict.fromkeys(classes_of(content)), cycle(NAMES.values()), strict=False)
    names = {name: f"{hostile}{k}" for k, (name, hostile) in enumerate(pairs)}
    names |= {text: f"{text}{NAMES['html']}" for text in ("branched", "fp16", "ort", "fruit9/val", "AMD EPYC")}
    content = renamed(content, names)
    content["warnings"] = list(NAMES.values())
    results = decode(json.dumps(content).encode())
    examples = examples_of(results, images=2, file=NAMES["newline"] + NAMES["override"])
    study = NAMES["script"]
    return write_page(tmp_path_factory.mktemp("page") / "attack.html", {study: results}, {study: examples})


def open_everything(page):
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
    show_all(page)


def test_every_name_is_shown_and_none_does_anything(open_page, attack, keep):
    page = open_page(attack)  # which fails on any dialog, error or request
    open_everything(page)
    text = page.locator("body").inner_text()
    assert acts(text, allowed="\n\t") == []
    squeezed = " ".join(text.split())
    assert [name for name in NAMES.values() if " ".join(visible(name).split()) not in squeezed] == []
    assert page.locator("img:not([src^='data:'])").count() == 0
    assert page.locator("a:not([href^='#'])").count() == 0
    assert page.evaluate("document.scripts.length") == text_scripts(attack)
    page.screenshot(path=keep / "hostile.png")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0  # however long a name is


def text_scripts(path):
    """Scripts that we wrote: their ends alone stand in the file, those of names are escaped."""
    return path.read_text().count("</script>")


def test_names_are_the_labels_of_plots(open_page, attack):
    page = open_page(attack)
    open_everything(page)
    drawn = [
        label
        for plot in page.locator(".plot").all()
        for label in plot.locator(".ytick text, .xtick text").evaluate_all("all => all.map(t => t.textContent)")
    ]
    squeezed = {" ".join(label.split()) for label in drawn}
    shown = {" ".join(cell(f"{name}{k}").split()) for k, name in enumerate(NAMES.values())}
    assert len(shown & squeezed) > 40, drawn
    assert acts("".join(drawn), allowed="") == []


def test_a_saved_table_has_no_formulas(open_page, attack):
    page = open_page(attack)
    open_everything(page)
    plot = page.locator("#accuracy figure", has=page.locator(".ytick")).first
    with page.expect_download() as saved:
        plot.get_by_role("button", name="Save as CSV").click()
    text = saved.value.path().read_text()
    assert acts(text) == []
    cells = [found for row in csv.reader(io.StringIO(text)) for found in row]
    assert [found for found in cells if found.lstrip()[:1] in tuple("=@\t\r")] == []
