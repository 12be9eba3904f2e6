"""Names that an attacker would give, names that honest people give, and what no output may hold."""

import contextlib
import io
import re
import unicodedata

from markdown_it import MarkdownIt

from bench_freeze.cli import main
from bench_freeze.text.log import inert
from bench_freeze.text.visible import cell

ESC = "\x1b"
HOSTILE = {
    "colour": f"{ESC}[31mred{ESC}[0m",
    "clear": f"{ESC}[2J{ESC}[H gone",
    "link": f"{ESC}]8;;https://evil.example{ESC}\\click{ESC}]8;;{ESC}\\",
    "clipboard": f"{ESC}]52;c;ZWNobw=={chr(7)}",
    "bell and delete": "a\x07b\x7fc\x08d",
    "c1": "a\x9b31mb\x85c\x90d",
    "return": "good\rbad",
    "newline": "first\n::error title=x::y\n# heading\n",
    "tab": "\ttab",
    "null": "nul\x00l",
    "separators": "a\u2028b\u2029c",
    "override": "a\u202egnp.exe",
    "isolates": "\u2066a\u2069\u2067b\u2068\u202a\u202b\u202d\u202c",
    "zero width": "a\u200bb\u200dc\u2060d\ufeffe\u00adf",
    "surrogate": "half\udcff\ud800",
    "github": "::error title=x::y",
    "github, blanks": " \u3000 ::set-output name=a::b",
    "github, old": "##[error]boom",
    "azure": "x ##vso[task.setvariable variable=a]b",
    "teamcity": "##teamcity[buildStatus text='x']",
    "gitlab": f"section_start:1:a[collapsed=true]\r{ESC}[0Kheading",
    "buildkite": "--- fold",
    "heading": "# heading",
    "setext": "===",
    "list": "1. one",
    "bullet": "+ plus",
    "rule": "---",
    "quote": "> quote",
    "code": "```",
    "indented": "     indented",
    "script link": "[x](javascript:alert(1))",
    "reference": "[x]: https://evil.example",
    "image": "![x](https://evil.example/a.png)",
    "autolink": "<https://evil.example> https://evil.example www.evil.example",
    "html": "<img src=x onerror=alert(2)>",
    "script": "</script><script>alert(1)</script>",
    "comment": "<!-- x --> ]]> --!>",
    "entity": "&lt;b&gt; & &#x1b;",
    "quotes": "\"double\" 'single'",
    "pipe": "a | b || c",
    "backticks": "`a` ``b",
    "backslash": "trailing\\",
    "formula": "=cmd|' /C calc'!A0",
    "formula, blanks": "  =1+1",
    "formula, minus": "-1+cmd",
    "formula, at": "@SUM(A1)",
    "formula, wide": "\uff1d1+1",
    "template": "{{ 7*7 }} {% x %} %{x} ${x} {0} {name}",
    "percent": "%s %d %",
    "rich": "[red]x[/red][/] [link=https://evil.example]y[/link] :warning:",
    "smuggled": "a\ufe00\ufe01\ufe02b\U000e0041\U000e0042",
    "long": "x" * 10_000,
    "long words": "word " * 2_000,
}
HONEST = (
    "crème brûlée",
    "猫と犬",
    "고양이",
    "кошка",
    "תפוח",
    "تفاحة",
    "می\u200cخواهم",  # noqa: RUF001
    "क्\u200dष",
    "👩\u200d🔬",
    "❤\ufe0f\u200d🔥",
    "👍🏽",
    "🏳\ufe0f\u200d🌈",
    "C++",
    "C #",
    "50% off",
    "a_b*c",
    "5 * 3",
    "salt & pepper",
    "R2-D2",
    "3. place",
    "it's",
    "/data/sets/fruit 9/val",
)
NAMES = {name: text for name, text in HOSTILE.items() if name != "surrogate"}  # no json that is read holds one
# Keys of results whose texts are of a few words, which the schema lists.
SCHEMA_WORDS = (
    "verdict",
    "stopped_by",
    "covers",
    "outcome",
    "between",
    "number",
    "data",
    "letterbox",
    "protocol",
    "device",
    "kind",
    "source",
    "grade",
)
JOINERS = "\u200c\u200d"
COMMAND = re.compile(r"\s*::|.*##\w*\[", re.DOTALL)


def acts(text: str, allowed: str = "\n") -> list[str]:
    """Characters of a text that a terminal would obey or that are not to be seen."""
    hidden = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    return [c for c in text if unicodedata.category(c) in hidden and c not in allowed + JOINERS]


def check_log(text: str) -> None:
    """A text that went to a terminal or to the log of a workflow."""
    assert acts(text) == []
    assert [line for line in text.split("\n") if COMMAND.match(line)] == []
    text.encode()


def check_json(text: str) -> None:
    """Json that was printed: in ASCII, and nothing in it is a command."""
    assert text.isascii()
    check_log(text)


def poisoned(value, name: str, keep: tuple[str, ...] = (), key: str = ""):
    """Json with `name` behind every text in it and behind the names of classes; hashes and the keys in `keep` stay."""
    if isinstance(value, dict):
        if key == "matches":  # the file beside the results, which its name finds
            return value
        named = key in ("per_class", "ap_by_class", "missing", "changed", "effective", "packages")
        return {f"{k}{name}" if named else k: poisoned(v, name, keep, k) for k, v in value.items()}
    if isinstance(value, list):
        return [poisoned(item, name, keep, key) for item in value]
    if not isinstance(value, str) or key in keep or re.fullmatch(r"[0-9a-f]{16,64}", value):
        return value
    return f"{name}{value}{name}"


parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def blocks(text):
    """What a document of Markdown is made of, its words left out."""
    tokens = parser.parse(text)
    return [(t.type, t.tag, [c.type for c in t.children or () if c.type != "text"]) for t in tokens]


def words(text):
    tokens = [child for token in parser.parse(text) for child in token.children or ()]
    return " ".join(token.content for token in tokens)


def is_shown(name, text):
    """Its beginning, since long names are shortened; commands of logs are broken where they would be run."""
    shown = cell(name)[:40].strip()
    return shown in text or inert(shown) in text


def said(*arguments):
    """Run a command line in this process: its exit status, and what it wrote to standard output and error."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as exit:
            status = exit.code  # type: ignore[assignment]
    return status, out.getvalue(), error.getvalue()
