"""The page of results.json, from its schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bench_freeze

from .markdown import prose, table

SCHEMA = Path(bench_freeze.__file__).parent / "results" / "results.schema.json"


def results_schema() -> str:
    """A section for each object of the document, the document itself first."""
    objects = json.loads(SCHEMA.read_text())["$defs"]
    return "\n\n".join(_section(name, schema) for name, schema in objects.items())


def _section(name: str, schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    parts = [f"(results-{_anchor(name)})=", f"## {_title(name)}", prose(schema.get("description", ""))]
    if "properties" in schema:
        rows = [
            (f"`{key}`", _kind(value), "yes" if key in required else "", prose(value.get("description", "")))
            for key, value in schema["properties"].items()
        ]
        parts.append(table(["Field", "Value", "Always there", "Meaning"], rows))
    else:
        parts.append(f"Value: {_kind(schema)}.")
    return "\n\n".join(part for part in parts if part)


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z]+", "-", name.removeprefix("bench_freeze.results.").lower())


def _title(name: str) -> str:
    return name.removeprefix("bench_freeze.results.").replace(".", ": ")


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{_title(name)}](#results-{_anchor(name)})"
    if "anyOf" in schema:
        return " or ".join(_kind(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array" and "prefixItems" in schema:
        return "[" + ", ".join(_kind(item) for item in schema["prefixItems"]) + "]"
    if kind == "array":
        return f"array of {_kind(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_kind(schema['additionalProperties'])}"
    return str(kind)
