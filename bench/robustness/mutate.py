"""Documents made wrong: in their bytes, and in their structure."""

from __future__ import annotations

import json
from random import Random
from typing import Any

# Raw json, since some of it is what no json writer would write.
HOSTILE = (
    *("null", "true", "false", "0", "-1", "1.5", "-0.0", "1e308", "-1e308", "1e-320", "NaN", "Infinity", "-Infinity"),
    *("2147483648", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551616"),
    *("1e999", "1" + "0" * 400, "9" * 5000, "0.30000000000000004", "1000000000", "-7", "2", "65537", "01", "1."),
    *('""', '"x"', '"\\u0000"', '"\\ud800"', '"1"', '"NaN"', '"' + "a" * 3000 + '"', '"\\u001b[31m"', '"a\\nb"'),
    *('"\'"', '"\\""', '"%s{}{0}[/red]"', '"../../x"', '"/proc/1/x"', '"cuda:x"', '"cuda:99999999999999999999"'),
    *("[]", "{}", "[null]", '[[], {"a": []}]', '{"x": 1}', '{"": null}', "[1, 2, 3]", '[""]', '{"a": {"b": {}}}'),
    *("[" * 70 + "]" * 70, "[" * 3000 + "]" * 3000, '{"a":' * 3000 + "1" + "}" * 3000, "[" * 9),
)
TOKENS = (b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"'", b'"', b"\\", b"[", b"]", b"{", b"}", b":", b",", b"\n")
TOKENS = (*TOKENS, b"#", b"=", b"&a ", b"*a", b"!!python/object:os.system ", b"<<: ", b"- ", b"\t", b"e9", b"-", b"%")  # type: ignore[assignment]
_MARK = "@@hostile@@"


def mutated_structure(text: str, rng: Random) -> str:
    """A json text with one to three of its values replaced, moved, doubled, renamed or taken away."""
    document = json.loads(text)
    raw: list[str] = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if rng.random() < 0.005:
            return rng.choice(HOSTILE)
        parent, key, value = _some_place(document, rng)
        if parent is None:
            continue
        way = rng.choice((0, 0, 3, 4, 4, 4, 5, 6, 7))
        if way == 0:
            raw.append(rng.choice(HOSTILE))
            parent[key] = f"{_MARK}{len(raw) - 1}"
        elif way == 3:
            del parent[key]
        elif way == 4:
            parent[key] = _changed(value, rng)
        elif way == 5:
            parent[key] = _some_place(document, rng)[2]
        elif way == 6:
            parent[key] = {"inner": value} if rng.random() < 0.5 else [value]
        elif isinstance(parent, dict):
            parent[rng.choice(("x", "", f"{key} ", "schema_version", "rows"))] = value
        else:
            parent.insert(int(key), value)
    try:
        changed = json.dumps(document)
    except (ValueError, RecursionError):  # a value that was put inside itself
        return "[]"
    for number, content in enumerate(raw):
        changed = changed.replace(f'"{_MARK}{number}"', content)
    if raw and rng.random() < 0.05:  # a key twice
        changed = changed.replace("{", '{"schema_version": ' + raw[0] + ", ", 1)
    return changed


def _some_place(document: Any, rng: Random) -> tuple[Any, Any, Any]:
    """A container, a key of it and its value: level by level, so that rare parts are met as often as long lists."""
    parent, key, value = None, None, document
    while isinstance(value, dict | list) and value and (parent is None or rng.random() < 0.75):
        parent = value
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        value = parent[key]
    return parent, key, value


def _changed(value: Any, rng: Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float) and not abs(value) < 1e15:  # hostile already
        return -value
    if isinstance(value, int | float):
        return rng.choice((-value, value + 1, value - 1, value * 1e9, value / 3, int(value), str(value), -value - 1e-9))
    if isinstance(value, str):
        return rng.choice((value + "'", value[:-1], value.upper(), value + "\n", f'"{value}', value * 20, [value]))
    if isinstance(value, list):
        return rng.choice(
            (value[::-1], value + value, value[:1], value[1:], [], {str(i): v for i, v in enumerate(value)})
        )
    if isinstance(value, dict):
        return rng.choice(({}, list(value), list(value.values()), {f"{k}x": v for k, v in value.items()}))
    return rng.choice((0, "", [], {}))


def mutated_bytes(content: bytes, others: list[bytes], rng: Random) -> bytes:
    """A file with one to six changes of its bytes: flips, inserts, deletions, repeats, splices, cuts."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        at = rng.randrange(len(changed) + 1)
        span = rng.choice((1, 1, 2, 4, 8, 64))
        way = rng.randrange(9)
        if way == 0 and at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
        elif way == 1 and at < len(changed):
            changed[at] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        elif way == 2:
            changed[at:at] = rng.choice(TOKENS) * rng.choice((1, 1, 1, 3, 100))
        elif way == 3:
            del changed[at : at + span]
        elif way == 4:
            changed[at:at] = changed[at : at + span] * rng.choice((1, 2, 20))
        elif way == 5:
            other = rng.choice(others)
            start = rng.randrange(len(other) + 1)
            changed[at:at] = other[start : start + rng.choice((4, 32, 256))]
        elif way == 6:
            del changed[at:]
        elif way == 7:
            changed[at : at + span] = rng.choice(HOSTILE).encode(errors="surrogatepass")[: rng.choice((3, 20, 500))]
        else:
            _change_line(changed, rng)
    return bytes(changed)


def _change_line(content: bytearray, rng: Random) -> None:
    """A whole line doubled, taken away, moved, or with another value behind its `=` or `:`."""
    lines = bytes(content).split(b"\n")
    k = rng.randrange(len(lines))
    way = rng.randrange(4)
    if way == 0:
        lines.insert(rng.randrange(len(lines) + 1), lines[k])
    elif way == 1:
        del lines[k]
    elif way == 2:
        lines[k] = b"  " + lines[k]
    else:
        for sign in (b"=", b":"):
            key, found, _ = lines[k].partition(sign)
            if found:
                lines[k] = key + sign + b" " + rng.choice(HOSTILE).encode()
                break
    content[:] = b"\n".join(lines)
