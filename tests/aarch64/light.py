"""A pytest plugin: a test that needs a package which the light installation does not bring is skipped, and says so."""

from __future__ import annotations

import re

import pytest

OURS = ("bench_freeze", "tests")
_ABSENT = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")


def absent_package(module: str | None) -> str | None:
    """The package of a module that could not be imported, None for one of ours: that is a fault."""
    name = (module or "").partition(".")[0]
    return name if name and name not in OURS else None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """A test file that imports such a package."""
    report = yield
    found = _ABSENT.findall(str(report.longrepr)) if report.failed else []
    if found and (package := absent_package(found[-1])):
        report.outcome, report.longrepr, report.result = "skipped", (str(collector.path), 0, f"needs {package}"), []
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that imports one inside."""
    report = yield
    error = call.excinfo.value if call.excinfo is not None else None
    if isinstance(error, ModuleNotFoundError) and (package := absent_package(error.name)):
        report.outcome, report.longrepr = "skipped", (str(item.path), item.location[1] or 0, f"needs {package}")
    return report
