"""English as a native engineer writes it: phrases of this house that are foreign, and what to write for them."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.unit.docs.pages import ROOT, SITE

PHRASES = {  # the pattern, and what to write
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\bintervals? (is|are|of) (of )?95\b": "95 % confidence interval",
    r"\bt(ell|ells|old|elling)\b[^.;:`]{0,40}\bapart\b": "distinguish",
    r"\bless (that|the|its|those)\b|\bless [ab]\b": "minus",
    r"(?<!there )(?<!There )\b(is|are) no (?!longer|more|less|better|worse|faster|slower|cheaper)": "is not a, has no",
    r"\bof before\b": "earlier",
    r"\bwhat is none\b": "anything else",
}
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
# Sentences of the program, which many tests and other tools know, may still say that something "is no" something.
KNOWN_IN_CODE = "is not a, has no"


def prose():
    """Pages, as paragraphs without their code."""
    for page in (*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "SECURITY.md")), *SITE):
        for paragraph in re.split(r"\n\s*\n", CODE.sub("`code`", page.read_text())):
            yield str(page.relative_to(ROOT)), " ".join(paragraph.split())


@cache
def strings():
    """Text that the program prints: help, errors, the words of reports."""
    found = []
    for file in sorted((ROOT / "python").rglob("*.py")):
        tree = ast.parse(file.read_text())
        documentation = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
                found.append((f"{file.relative_to(ROOT)}:{node.lineno}", node.value))
    return found


@pytest.mark.parametrize("phrase", PHRASES)
def test_pages_are_free_of_the_phrase(phrase):
    found = [f"{place}: {text[:200]}" for place, text in prose() if re.search(phrase, text)]
    assert not found, f"write '{PHRASES[phrase]}': " + "\n".join(found)


@pytest.mark.parametrize("phrase", [phrase for phrase in PHRASES if PHRASES[phrase] != KNOWN_IN_CODE])
def test_help_errors_and_reports_are_free_of_the_phrase(phrase):
    found = [f"{place}: {text[:200]}" for place, text in strings() if re.search(phrase, text)]
    assert not found, f"write '{PHRASES[phrase]}': " + "\n".join(found)


def test_the_phrases_are_found_where_they_stand():
    said = "mend it; intervals are of 95 %; tell two models apart; mAP less the original's; it is no tie; of before"
    assert all(re.search(phrase, said) for phrase in PHRASES if "none" not in phrase)
    for fine in ("it is no longer read", "there is no test split", "recommended", "45 or less", "tell us more"):
        assert not any(re.search(phrase, fine) for phrase in PHRASES)
