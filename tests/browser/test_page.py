"""The report in a real browser: what it loads, what it lets one do, what it shows."""

import json

import pytest

from bench_freeze.report.assemble import view_of
from bench_freeze.report.figures.all import figures_of
from tests.builders import committed

from .conftest import PHONE
from .studies import QUOTES, SCRIPT, fifty_arms, hostile, show_all, write_page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def study(folder):
    return write_page(folder / "study.html", {"fruit9": committed()})


@pytest.fixture(scope="module")
def attack(folder):
    results, examples = hostile()
    return write_page(folder / "attack.html", {"hostile": results}, {"hostile": examples})


@pytest.fixture(scope="module")
def large(folder):
    results, examples = fifty_arms()
    return write_page(folder / "large.html", {"large": results}, {"large": examples})


def column(page, key):
    """What the rows that are shown are sorted by in a column, top to bottom."""
    return page.eval_on_selector_all(
        f"#table tbody tr:not([hidden]) [data-key={key}]", "cells => cells.map(c => c.dataset.sort)"
    )


def test_headings_sort_by_mouse_and_by_keyboard(open_page, study):
    page = open_page(study)
    show_all(page)
    heading = page.locator("#table th[data-key=target_map]")
    expected = sorted(row.target.map for row in committed().rows)
    heading.get_by_role("button").click()
    assert [float(v) for v in column(page, "target_map") if v] == expected
    assert column(page, "target_map")[-1] == ""  # the original has no target head
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert [float(v) for v in column(page, "target_map") if v] == expected[::-1]
    assert column(page, "target_map")[-1] == ""
    page.locator("#table th[data-key=freeze] button").click()
    assert column(page, "freeze") == ["10"] * 3 + ["15"] * 3 + ["22"] * 3 + ["-"]
    assert heading.get_attribute("aria-sort") is None


def test_the_form_filters_rows(open_page, study):
    page = open_page(study)
    show_all(page)
    form = page.locator("#filters")
    form.get_by_label("construction").select_option("grafted")
    assert column(page, "construction") == ["grafted"] * 3
    form.get_by_label("freeze").select_option("15")
    assert column(page, "freeze") == ["15"]
    assert page.locator("#shown").inner_text() == "1 of 10 rows"
    form.get_by_role("button", name="Show all").click()
    page.wait_for_function("() => document.getElementById('shown').textContent === '10 of 10 rows'")
    form.get_by_label("Find").fill("PLAIN 22")
    assert column(page, "construction") == ["plain"]
    form.get_by_label("Find").fill("")


def test_plots_draw_the_data(open_page, study):
    page = open_page(study)
    show_all(page)
    for figure in figures_of(view_of({"fruit9": committed()})):
        drawn = page.eval_on_selector(f"#plot-{figure.key} .plot", "p => p.data")
        assert len(drawn) == len(figure.series)
        for trace, series in zip(drawn, figure.series, strict=True):
            along, across = ("y", "x") if figure.sideways else ("x", "y")
            assert trace[along] == pytest.approx(list(series.x), rel=1e-6) if not figure.x.names else list(series.x)
            if series.boxes:
                assert trace["median"] == pytest.approx([box.median for box in series.boxes], rel=1e-6)
            else:
                assert trace[across] == pytest.approx(list(series.y), rel=1e-6)
    ladder = committed().rows[-1].ladder
    last = page.eval_on_selector("#plot-ladder .plot", "p => [...p.data].pop()")
    assert last["y"] == pytest.approx([rung.map for rung in ladder], rel=1e-6)
    points = page.locator("#plot-ladder .scatterlayer .trace").last.locator(".points path")
    assert points.count() == len(ladder)  # in the drawing too, not in its data alone
    tops = points.evaluate_all("paths => paths.map(p => p.getBoundingClientRect().top)")
    assert tops[-1] > tops[0]  # the base task is worse with every layer tuned than with none


def test_plots_have_their_data_behind_them(open_page, study):
    page = open_page(study)
    plot = page.locator("#plot-depth")
    plot.get_by_text("Data of this plot").click()
    plot.locator(".data td").first.wait_for()  # the browser tells of an opened part a moment later
    cells = plot.locator(".data td").all_inner_texts()
    assert f"{committed().rows[-2].base.map:.6f}"[:7] in " ".join(cells)
    with page.expect_download() as saved:
        plot.get_by_role("button", name="Save as CSV").click()
    lines = saved.value.path().read_text().splitlines()
    assert lines[0].startswith("series,layers frozen,mAP")
    assert len(lines) == 1 + 3 * 3 + 2  # target, branched and grafted at three depths, two ends of the original's level


def test_no_plot_offers_to_send_its_data_away(open_page, study):
    page = open_page(study)
    buttons = page.eval_on_selector_all(".modebar-btn", "all => all.map(b => b.dataset.title)")
    allowed = {"Download plot as a PNG", "Zoom", "Pan", "Zoom in", "Zoom out", "Autoscale", "Reset axes"}
    assert set(buttons) == allowed
    assert page.eval_on_selector(".plot", "p => p._context.plotlyServerURL") == ""


def test_series_are_chosen_by_keyboard(open_page, large):
    page = open_page(large)
    show_all(page)
    plot = page.locator("#plot-samples-model")
    plot.locator(".choose summary").focus()
    page.keyboard.press("Enter")
    plot.locator(".choose input").nth(1).focus()
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('#plot-samples-model .plot').data[1].visible === false")
    assert plot.locator(".scatterlayer .trace").count() == 2


def test_text_of_data_sets_stays_text(open_page, attack):
    page = open_page(attack)
    show_all(page)
    assert SCRIPT in page.locator(".about").inner_text()
    labels = page.locator("#plot-classes-target .ytick text").all_text_contents()
    assert SCRIPT in labels
    reasons = page.eval_on_selector("#plot-samples-model .plot", "p => p.data.find(t => t.text).text")
    assert reasons == ["slow &lt;script&gt;alert(1)&lt;/script&gt;"]  # which Plotly shows as what it stands for
    assert page.locator("#gallery .file").first.inner_text().startswith(f"0 {QUOTES}")
    assert page.locator("#gallery svg text").first.text_content().startswith(SCRIPT)
    page.locator("#gallery summary").first.click()
    assert SCRIPT in page.locator("#gallery details li").first.inner_text()
    assert page.locator("img[src=x]").count() == 0
    assert page.locator("#table details li", has_text=SCRIPT).count() == 1


def test_a_script_in_the_page_would_not_run(browser, folder, study):
    text = study.read_text()
    changed = folder / "changed.html"
    changed.write_text(text.replace("<footer>", "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'>"))
    page = browser.new_page()
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(changed.as_uri())
    assert page.evaluate("window.ran") is None
    assert "Content Security Policy" in " ".join(refused)
    page.close()


def test_rejected_samples_are_marked(open_page, attack):
    page = open_page(attack)
    show_all(page)
    trace = page.eval_on_selector("#plot-samples-model .plot", "p => p.data.find(t => t.name.endsWith('rejected'))")
    assert trace["mode"] == "markers"
    assert (trace["x"], trace["y"]) == ([3], [200])


def test_rows_that_are_not_valid_say_so_without_colour(open_page, attack):
    page = open_page(attack)
    verdicts = page.eval_on_selector_all(
        "#table .verdict", "all => all.map(v => getComputedStyle(v, '::before').content + v.textContent)"
    )
    assert '"?\xa0"AMBIGUOUS' in verdicts
    assert '"✓\xa0"VALID' in verdicts


def test_the_gallery_shows_the_models_that_are_chosen(open_page, large):
    page = open_page(large)
    show_all(page)
    pictures = page.eval_on_selector_all("#gallery img", "all => new Set(all.map(i => i.src)).size")
    assert pictures == 24
    cards = page.locator("#gallery .card")
    assert cards.count() == 24
    page.locator("#gallery-controls [name=b]").select_option("none")
    assert page.locator("#gallery img").count() == 24
    boxes = cards.first.locator("rect.hit").count()
    page.locator("#gallery-controls").get_by_label("scored head").uncheck()
    assert (boxes, cards.first.locator("rect.hit").count()) == (7, 0)


def test_fifty_arms_stay_small(open_page, large):
    assert large.stat().st_size < 10_000_000
    page = open_page(large)
    assert page.locator("#table tbody tr").count() == 51
    assert page.content().count("data:image/webp") >= 24


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(open_page, attack, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page(attack, color_scheme=scheme)
    show_all(page)
    found = axe.run(page).response
    assert [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found["violations"]] == []
    assert len(found["passes"]) > 20


@pytest.mark.parametrize(
    ("name", "options"),
    [("desktop", {}), ("dark", {"color_scheme": "dark"}), ("phone", PHONE)],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_pictures_for_eyes(open_page, attack, study, keep, name, options):
    for title, path in (("study", study), ("attack", attack)):
        page = open_page(path, **options)
        page.screenshot(path=keep / f"{title}-{name}.png", full_page=True)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0  # tables scroll inside of the page, the page does not


def test_print_shows_every_plot_on_the_paper(open_page, study, keep):
    page = open_page(study, color_scheme="dark")
    (keep / "study.pdf").write_bytes(page.pdf(format="A4"))
    show_all(page)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function("() => [...document.querySelectorAll('.plot')].every(p => p.layout.width === 680)")
    page.screenshot(path=keep / "study-print.png", full_page=True)
    table = page.eval_on_selector("#table", "t => t.getBoundingClientRect().right")
    assert table <= page.evaluate("document.documentElement.clientWidth")
    ink = page.eval_on_selector(".plot svg .xtitle", "t => getComputedStyle(t).fill")
    assert ink == "rgb(0, 0, 0)"  # dark text on white paper, whatever the screen had
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.emulate_media()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.wait_for_function("() => [...document.querySelectorAll('.plot')].every(p => p.layout.width !== 680)")


def test_a_reader_without_scripts_has_the_table(browser, study):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(study.as_uri())
    assert page.locator("#table tbody tr").count() == 10
    assert page.locator("noscript").count() == 1
    assert page.locator("#table tbody tr:visible").count() == 10
    assert page.locator("#table td[data-key=base_map]").first.is_visible()  # nothing waits for a button
    context.close()


def test_json_in_the_page_is_the_plot(study):
    text = study.read_text()
    blocks = [part.partition("</script>")[0] for part in text.split('<script type="application/json">')[1:]]
    keys = {"data", "layout", "table"}
    assert blocks
    assert all(set(json.loads(block)) == keys for block in blocks)
