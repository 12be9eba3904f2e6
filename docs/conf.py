"""The documentation as a site: `make docs` builds it into build/docs, and a warning is an error."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from docs.generate import filled
from docs.generate.facts import facts
from docs.generate.studies import substitutions

import bench_freeze

project = "bench-freeze"
author = copyright = "The bench-freeze developers"
release = version = bench_freeze.__version__
extensions = ["myst_parser", "sphinx_copybutton"]
exclude_patterns = ["generate/**", "static/**"]
myst_enable_extensions = ["colon_fence", "deflist", "substitution"]
myst_heading_anchors = 4
myst_substitutions = substitutions() | facts()
smartquotes_action = "qe"  # no dashes: -- begins a flag
html_theme = "furo"
html_title = "bench-freeze"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def _fill(app: Any, name: str, source: list[str]) -> None:
    source[0] = filled(source[0])


def setup(app: Any) -> None:
    """Called by Sphinx: generated parts are filled in as pages are read."""
    app.connect("source-read", _fill)
