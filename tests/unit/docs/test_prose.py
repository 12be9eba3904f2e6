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
    r"\btells? (a|an|the|two|one|each|what) \w+ from\b": "distinguish",
    r"\bless (that|the|its|those|zero|least|most)\b|\bless [ab]\b": "minus",
    r"(?<!there )(?<!There )\b(is|are) no (?!longer|more|less|better|worse|faster|slower|cheaper)": "is not a, has no",
    r"(?<!there )(?<!There )\b(is|are) none\b(?! of)": "is not one",
    r"\bsay(s|ing)? (nothing|little|too little|anything|something) of\b": "about",
    r"\bgo(es)? on (where|from|as|in halves)\b": "continue",
    r"\bmid-run\b": "during the run",
    r"\bwins? over\b": "override",
    r"\bha(s|ve) other \w+ than\b|\b(is|are|has) another \w+ than\b": "different from",
    r"\b(is|are) of (another|an earlier|an older)\b": "comes from",
    r"\bof which nothing\b": "that played no part in",
    r"\b(is|are) there already\b": "exists already",
    r"\bha(s|ve) not enough\b": "does not have enough",
    r"\bof before\b": "earlier",
    r"\bwhat is none\b": "anything else",
}
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
PLACEHOLDER = "{}"
PAGES = ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "SECURITY.md", "bench/README.md")


def prose():
    """Pages, as paragraphs without their code."""
    for page in (*(ROOT / name for name in PAGES), *SITE):
        for paragraph in re.split(r"\n\s*\n", CODE.sub("`code`", page.read_text())):
            yield str(page.relative_to(ROOT)), " ".join(paragraph.split())


@cache
def literals():
    """(docstrings, other texts) of the program and its pages, each with its place; a text has `{}` for its values."""
    documentation, texts = [], []
    for file in sorted((ROOT / "python").rglob("*.py")):
        tree = ast.parse(file.read_text())
        alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                text = "".join(part.value if isinstance(part, ast.Constant) else PLACEHOLDER for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
                text = node.value
            else:
                continue
            into = documentation if id(node) in alone else texts
            into.append((f"{file.relative_to(ROOT)}:{node.lineno}", " ".join(text.split())))
    page = ROOT / "python" / "bench_freeze" / "report" / "html"
    for file in sorted((*page.glob("templates/*.j2"), *page.glob("*.js"))):
        texts += [
            (f"{file.relative_to(ROOT)}:{number}", line) for number, line in enumerate(file.read_text().splitlines())
        ]
    return documentation, texts


@pytest.mark.parametrize("phrase", PHRASES)
def test_pages_are_free_of_the_phrase(phrase):
    found = [f"{place}: {text[:200]}" for place, text in prose() if re.search(phrase, text)]
    assert not found, f"write '{PHRASES[phrase]}': " + "\n".join(found)


@pytest.mark.parametrize("phrase", PHRASES)
@pytest.mark.parametrize("kind", [0, 1], ids=["docstrings", "help, errors and reports"])
def test_the_program_is_free_of_the_phrase(kind, phrase):
    found = [f"{place}: {text[:200]}" for place, text in literals()[kind] if re.search(phrase, text)]
    assert not found, f"write '{PHRASES[phrase]}': " + "\n".join(found)


def test_the_phrases_are_found_where_they_stand():
    said = (
        "mend it", "intervals are of 95 %", "tell two models apart", "tells a class from another",
        "mAP less the other's", "it is no tie", "a plan is no {} file", "what it takes is none",
        "they say nothing of others", "the command goes on where it stopped", "ended in mid-run",
        "flags win over it", "has other layers than it", "it is of another run", "of which nothing was chosen",
        "OUT is there already", "it has not enough memory", "a rule of before", "what is none",
    )  # fmt: skip
    for phrase in PHRASES:
        assert any(re.search(phrase, text) for text in said), phrase
    for fine in (
        "it is no longer read", "there is no test split", "recommended", "45 or less", "tell us more",
        "there are none", "is none of these", "time goes on", "it is another one",
    ):  # fmt: skip
        assert not any(re.search(phrase, fine) for phrase in PHRASES), fine
