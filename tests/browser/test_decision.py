"""The page of a decision: the card, the table that fits, a phone's cards, what is greyed and what is folded away."""

import csv

import msgspec
import pytest

from bench_freeze.report.assemble import view_of

from .conftest import PHONE
from .studies import decided, examples_of, write_page
from .test_page import column

pytestmark = pytest.mark.browser

WIDE = {"viewport": {"width": 1400, "height": 900}}
SCREENS = 8
LEFT_EDGES = "all => all.map(e => { const b = e.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })"


@pytest.fixture(scope="module")
def results():
    return decided()


@pytest.fixture(scope="module")
def study(tmp_path_factory, results):
    examples = examples_of(results, images=14)
    examples.images = [
        msgspec.structs.replace(image, suggest=[0, 6, 12] if k % 4 == 0 else [0])
        for k, image in enumerate(examples.images)
    ]
    return write_page(tmp_path_factory.mktemp("decision") / "study.html", {"fruit9": results}, {"fruit9": examples})


def overlap(boxes):
    """Pairs of rectangles that have a part in common."""
    return [
        (a, b)
        for k, a in enumerate(boxes)
        for b in boxes[:k]
        if a[0] < b[2] - 1 and b[0] < a[2] - 1 and a[1] < b[3] - 1 and b[1] < a[3] - 1
    ]


def test_the_card_says_what_to_freeze_and_how_sure_that_is(open_page, study, results):
    page = open_page(study, **WIDE)
    card = page.locator(".decision")
    assert card.bounding_box()["y"] + card.bounding_box()["height"] < 900  # on the first screen
    found = results.recommendation
    headlines = card.locator(".headline").all_inner_texts()
    gains = [f"target {answer.over_head_only.target:+.3f} over head only" for answer in found.answers]
    assert [line.partition(":")[0] for line in headlines] == ["Freeze 6, branched", "Freeze 0, branched"]
    assert gains[1] in headlines[0]  # the pick comes first
    assert gains[0] in headlines[1]
    for line, answer in zip(headlines, found.answers[::-1], strict=True):
        assert line.endswith(
            f"base unchanged, {answer.latency_ratio.value:.2f}x the latency, {answer.bytes / 1e6:.1f} MB"
        )
    boxes = [box.bounding_box() for box in card.locator(".answer").all()]
    assert boxes[0]["y"] == boxes[1]["y"]  # side by side
    text = card.inner_text()
    assert "Evidence: weak" in text
    for sentence in (*found.grade_reasons, *found.next_steps, results.rows[18].artifact.file):
        assert sentence in text


def test_warnings_have_a_box_and_a_remedy(open_page, study):
    box = open_page(study, **WIDE).locator(".warnings")
    assert "branched 15 seed 0" in box.inner_text()
    assert "--retime" in box.inner_text()


def test_the_page_is_short_before_details(open_page, study):
    page = open_page(study, **WIDE)
    page.evaluate("scrollTo(0, 0)")
    assert page.locator("#details").bounding_box()["y"] <= SCREENS * 900


def test_the_table_fits_without_scrolling(open_page, study, results):
    page = open_page(study, **WIDE)
    sizes = page.eval_on_selector("#models .scroll", "e => [e.scrollWidth, e.clientWidth]")
    assert sizes[0] <= sizes[1]
    shown = page.eval_on_selector_all(
        "#table thead th", "all => all.filter(h => h.checkVisibility()).map(h => h.innerText)"
    )
    assert shown == ["model", "target mAP", "base change", "x original", "size MB", "verdict"]
    assert page.locator("#table tbody tr:visible").count() == 1 + 10  # seeds are under their arms


def test_seeds_open_by_keyboard_under_their_arm(open_page, study):
    page = open_page(study, **WIDE)
    arm = page.locator("#table tr[data-name='branched 15']")
    button = arm.get_by_role("button")
    assert button.get_attribute("aria-expanded") == "false"
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    after = arm.evaluate("row => [1, 2, 3].map(() => (row = row.nextElementSibling).dataset.name)")
    assert after == [f"branched 15 seed {seed}" for seed in (0, 1, 2)]
    assert page.locator("#table tbody tr:visible").count() == 14
    page.locator("#table th[data-key=target_map] button").focus()
    page.keyboard.press("Enter")
    assert [float(v) for v in column(page, "target_map") if v] != []
    after = arm.evaluate("row => [1, 2, 3].map(() => (row = row.nextElementSibling).dataset.arm)")
    assert set(after) == {arm.get_attribute("id")}  # sorted, they stay under it
    button.press("Enter")
    assert page.locator("#table tbody tr:visible").count() == 11


def test_what_breaks_a_constraint_is_grey_and_says_so(open_page, study, results):
    page = open_page(study, **WIDE)
    broken = {m.name for m in results.recommendation.pareto if m.breaks}
    rows = page.locator("#table tr.breaks:not(.seed)")
    assert {row.get_attribute("data-name") for row in rows.all()} == broken
    assert all("breaks a constraint" in row.inner_text() for row in rows.all())
    traces = page.eval_on_selector("#plot-tradeoff .plot", "p => p.data.map(t => [t.name, t.text, t.marker.color])")
    front = next(names for name, names, _ in traces if name == "on the front")
    grey = next((names, colour) for name, names, colour in traces if name == "breaks a constraint")
    assert set(grey[0]) == broken
    assert grey[1] == "#858a91"
    assert not broken & set(front)


def test_points_of_the_front_are_named_and_can_be_read(open_page, study):
    page = open_page(study, **WIDE)
    texts = page.locator("#plot-tradeoff .textpoint text")
    view = view_of({"fruit9": decided()})
    assert sorted(texts.all_text_contents()) == sorted(row.name for row in view.arms())
    assert overlap(texts.evaluate_all(LEFT_EDGES)) == []


def test_diagnostics_are_folded_and_begin_with_the_verdict(open_page, study):
    page = open_page(study, **WIDE)
    part = page.locator("#diagnostics")
    assert part.get_attribute("open") is None
    assert not page.locator("#plot-samples-model").is_visible()
    summary = part.locator("> summary")
    assert summary.inner_text() == "How far the latencies can be trusted: 30 VALID, 1 AMBIGUOUS"
    summary.focus()
    page.keyboard.press("Enter")
    assert "branched 15 seed 0: AMBIGUOUS. model: the durations drifted" in part.inner_text()
    assert "--retime" in part.inner_text()
    assert not page.locator("#plot-samples-model").is_visible()
    page.locator("#samples > summary").press("Enter")
    page.wait_for_selector("#plot-samples-model .plot svg.main-svg")
    summary.press("Enter")


def test_a_phone_has_a_card_for_every_model(open_page, study, results):
    page = open_page(study, **PHONE)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0
    for arm in results.statistics.arms:
        card = page.locator(f"#table tr[data-name='{arm.name}']")
        box = card.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        for key in ("target_map", "change", "ratio"):
            cell = card.locator(f"td[data-key={key}]")
            assert cell.is_visible()
            inside = cell.bounding_box()
            assert inside["x"] >= box["x"]
            assert inside["x"] + inside["width"] <= box["x"] + box["width"]
        assert f"{arm.target.value:.3f}" in card.inner_text()
        label = card.locator("td[data-key=ratio]").evaluate("cell => getComputedStyle(cell, '::before').content")
        assert label == '"x original"'


def test_depths_stand_side_by_side_on_one_image(open_page, study):
    page = open_page(study, **WIDE)
    views = page.locator("#gallery .card").first.locator(".view")
    assert views.count() == 3
    tops = {box["y"] for box in views.evaluate_all("all => all.map(v => ({ y: v.getBoundingClientRect().top }))")}
    assert len(tops) == 1
    pictures = views.locator("img").evaluate_all("all => all.map(i => i.src)")
    assert len(set(pictures)) == 1


def test_the_other_head_is_off_until_it_is_asked_for(open_page, study):
    page = open_page(study, **WIDE)
    assert page.locator("#gallery .view rect.unscored").count() == 0
    page.locator("#gallery-controls").get_by_label("other head").check()
    assert page.locator("#gallery .view rect.unscored").count() > 0
    page.locator("#gallery-controls").get_by_label("other head").uncheck()


def test_names_on_images_do_not_collide(open_page, study):
    page = open_page(study, **WIDE)
    for view in page.locator("#gallery .view").all()[:4]:
        assert view.locator("svg text").count() > 1
        assert overlap(view.locator("svg text").evaluate_all(LEFT_EDGES)) == []


def test_each_head_has_its_curves_and_its_confusions(open_page, study, results):
    page = open_page(study, **WIDE)
    drawn = page.eval_on_selector("#plot-f1-target .plot", "p => p.data[0].y")
    assert drawn == pytest.approx(results.rows[0].target.curves.f1, rel=1e-6)
    assert page.locator("#plot-pr-base .plot svg.main-svg").count() > 0
    matrix = page.locator(".matrix", has_text="Target head, freeze 6 seed 0").first  # the recommended model first
    assert matrix.get_attribute("open") is not None
    cells = matrix.locator("tbody tr").first.locator("td").all_inner_texts()
    assert cells[:2] == ["20", "7"]
    pairs = page.locator(".matrix", has_text="Base head").first
    assert "person taken for bicycle: 7" in pairs.inner_text()


def test_the_table_is_saved_with_units(open_page, study, results):
    page = open_page(study, **WIDE)
    with page.expect_download() as saved:
        page.locator("#save-table").click()
    rows = list(csv.DictReader(saved.value.path().open()))
    assert {"model_p50_s", "size_bytes", "ratio_to_original"} <= set(rows[0])
    assert len(rows) == 41


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_as_it_opens(open_page, study, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page(study, color_scheme=scheme)
    page.locator("#all-seeds").click()
    page.locator("#diagnostics > summary").click()
    found = axe.run(page).response
    assert [(v["id"], [n["html"][:200] for n in v["nodes"]][:3]) for v in found["violations"]] == []
