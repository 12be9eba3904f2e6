"""The version is one: of the package, the project, the citation and the head of the changelog."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

import bench_freeze
from bench_freeze.config.study import read_toml

ROOT = Path(__file__).parents[2]


def test_all_files_name_one_version():
    project = read_toml(ROOT / "pyproject.toml")["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
    head = re.search(r"^## (\S+) \(", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert head is not None
    assert {bench_freeze.__version__, project, str(citation), head[1]} == {bench_freeze.__version__}
