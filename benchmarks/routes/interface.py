"""Reduces an OpenAPI document to what a client meets, so that two can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PROSE = ("title", "description", "examples", "summary")
_SCHEMAS = "#/components/schemas/"


def interface_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters, body and responses of each operation, without prose.

    Schemas stand where they are used, so that their names do not count; one that contains itself is there named by how
    many schemas further out it began.
    """
    schemas = document.get("components", {}).get("schemas", {})
    return {
        f"{method.upper()} {path}": _operation(operation, schemas)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def _operation(operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {f"{p['in']} {p['name']}": _plain(p, schemas) for p in operation.get("parameters", [])}
    parts = {part: _plain(operation.get(part), schemas) for part in ("requestBody", "responses")}
    return {"parameters": parameters, **parts}


def _plain(node: Any, schemas: Mapping[str, Any], within: tuple[str, ...] = ()) -> Any:
    if isinstance(node, list):
        return [_plain(item, schemas, within) for item in node]
    if not isinstance(node, dict):
        return node
    name = node.get("$ref", "").removeprefix(_SCHEMAS)
    if name in within:
        return {"contains itself": len(within) - within.index(name)}
    if name in schemas:
        return _plain(schemas[name], schemas, (*within, name))
    return {
        key: {field: _plain(schema, schemas, within) for field, schema in value.items()}
        if key == "properties"  # a field may well be called "title"
        else _plain(value, schemas, within)
        for key, value in node.items()
        if key not in _PROSE
    }
