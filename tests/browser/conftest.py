"""A real, headless Chromium that opens reports from disk and watches what they do."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@dataclass
class Watched:
    """What a page did that it must not: messages of its console, errors, requests that leave the file."""

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def watch(self, page):
        page.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: self.errors.append(str(e)))
        page.on("dialog", lambda d: (self.errors.append(f"dialog: {d.message}"), d.dismiss()))  # type: ignore[func-returns-value]
        page.on(
            "request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else self.requests.append(r.url)
        )


@pytest.fixture(scope="session")
def browser():
    """The browser, or a skip with its reason; with REQUIRE_BROWSER=1 a failure."""
    missing = None
    program = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing = "the package playwright is not installed (it is in the extra dev)"
    if program is None:
        missing = f"no Chromium on PATH ({', '.join(CHROMIUM)}); Debian: apt-get install chromium"
    if missing:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(f"REQUIRE_BROWSER=1 and {missing}")
        pytest.skip(missing)
    with sync_playwright() as playwright:
        # Containers give /dev/shm 64 MB, which is too little; the sandbox needs rights that root in a container lacks.
        running = playwright.chromium.launch(
            executable_path=program, args=["--disable-dev-shm-usage"], chromium_sandbox=False
        )
        yield running
        running.close()


@pytest.fixture(scope="session")
def opened():
    """Pages that stay open, each with what was seen of it: a test leaves them as they can be used on."""
    return {}


@pytest.fixture
def open_page(browser, opened):
    """Open a file, once for all tests; at the end of each no page may have shown an error or asked any network."""

    def open_file(path: Path, **options):
        key = (path, str(options))
        if key not in opened:
            page, watched = browser.new_context(**(DESKTOP | options)).new_page(), Watched()
            watched.watch(page)
            page.goto(path.resolve().as_uri())
            page.wait_for_selector("html[data-plots=drawn]", timeout=60_000)
            opened[key] = page, watched
        return opened[key][0]

    yield open_file
    for _, watched in opened.values():
        assert watched.errors == []
        assert watched.requests == []


@pytest.fixture(scope="session")
def keep(request, tmp_path_factory) -> Path:
    """Where pictures of pages go: the folder of --keep, or a temporary one."""
    asked = request.config.getoption("--keep")
    folder = Path(asked) if asked else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
