"""Number formats, shared by all forms of the report."""

from __future__ import annotations

from .view import Column, Format, RowView, Value

NOTHING = "-"

_SCALE: dict[Format, float] = {"milliseconds": 1e3, "megabytes": 1e-6, "joules": 1e3}
_DIGITS: dict[Format, str] = {
    "fraction": ".4f",
    "change": "+.4f",
    "milliseconds": ".2f",
    "joules": ".1f",
    "megabytes": ".2f",
    "rate": ".1f",
    "ratio": ".3f",
}
# For numbers read at a glance: fewer digits, but a number that is not 0 never shows as 0.
_SHORT: dict[Format, str] = {
    "fraction": ".3f",
    "change": "+.3f",
    "milliseconds": ".1f",
    "megabytes": ".1f",
    "ratio": ".2f",
}
UNITS: dict[Format, str] = {"milliseconds": "ms", "joules": "mJ", "megabytes": "MB", "rate": "images/s"}
LEAST_P = 0.001  # the smallest p-value that is written out


def number(value: float | None, form: Format) -> str:
    """A number without its unit; a dash for None."""
    if value is None:
        return NOTHING
    if form == "change" and value == 0:
        return "0"  # exactly 0, in contrast to a rounded +0.0000
    text = format(value * _SCALE.get(form, 1.0), _DIGITS[form])
    return text if form == "change" or float(text) else text.lstrip("-")  # the sign of a change is a finding


def short(value: float | None, form: Format) -> str:
    """A number with only the digits that a decision needs; all digits where fewer would show 0."""
    digits = _SHORT.get(form)
    if value is None or digits is None or value == 0:
        return number(value, form)
    text = format(value * _SCALE.get(form, 1.0), digits)
    return text if float(text) else number(value, form)


def p_value(p: float | None) -> str:
    """A p-value: three decimals, "below 0.001" for what those cannot show; empty if there is none."""
    if p is None:
        return ""
    return f"below {LEAST_P:g}" if p < LEAST_P else f"{p:.3f}"


def interval(value: Value, form: Format, *, brief: bool = False) -> str:
    """Both ends in brackets; empty where they are unknown."""
    if value.low is None or value.high is None:
        return ""
    ends = (short(end, form) if brief else number(end, form) for end in (value.low, value.high))
    return f"[{', '.join(ends)}]"


def brief(value: Value, form: Format) -> str:
    """A number with its interval, both with the digits that a decision needs."""
    ends = interval(value, form, brief=True)
    return short(value.value, form) + (f" {ends}" if ends else "")


def cell(row: RowView, column: Column) -> str:
    """A cell: the number followed by its interval."""
    if column.is_text:
        return row.identity.get(column.key, NOTHING)
    value = row.value(column.key)
    bounds = interval(value, column.format)
    return number(value.value, column.format) + (f" {bounds}" if bounds else "")


def heading(column: Column) -> str:
    """A column's heading with its unit."""
    unit = UNITS.get(column.format)
    return f"{column.heading} {unit}" if unit else column.heading
