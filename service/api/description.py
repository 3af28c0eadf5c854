"""The OpenAPI description: FastAPI's own, with what it cannot know."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.errors import Problem
from service.search.grammar import QueryLimits
from service.security.keys import is_open

_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key; with the role admin for what says so."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same."},
}


def describe(app: FastAPI, limits: QueryLimits, *, keys_are_set: bool) -> dict[str, Any]:
    """Return the OpenAPI description, with the schema of errors, the settings' limits and how to send a key."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            routes=app.routes,
        )
        _tell_limits(schema, limits)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        components = schema.setdefault("components", {})
        components.setdefault("schemas", {}).update(problem.pop("$defs"), Problem=problem)
        components["securitySchemes"] = _SECURITY_SCHEMES
        _tell_security(schema, keys_are_set=keys_are_set)
        app.openapi_schema = schema
    return app.openapi_schema


def _tell_limits(schema: dict[str, Any], limits: QueryLimits) -> None:
    """Write the limits that are settings into the description: what the service refuses, it refuses too."""
    bounds: dict[str, dict[str, Any]] = {
        "k": {"maximum": limits.max_k},
        "offset": {"maximum": limits.max_offset},
        "query": {"maxLength": limits.max_query_chars},
        "modifiers": {"maxItems": limits.max_modifiers},
        "modifier": {"maxItems": limits.max_modifiers},
    }
    searches = [schema["components"]["schemas"][name]["properties"] for name in ("TextSearch", "BatchedSearch")]
    for properties in searches:
        for name, bound in bounds.items():
            properties.get(name, {}).update(bound)
    for path in schema["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                parameter["schema"].update(bounds.get(parameter["name"], {}))


def _tell_security(schema: dict[str, Any], *, keys_are_set: bool) -> None:
    """Write down which operations need a key."""
    with_key: list[dict[str, list[str]]] = [{"bearer": []}, {"header": []}]
    schema["security"] = with_key if keys_are_set else [{}, *with_key]
    for path, methods in schema["paths"].items():
        for operation in methods.values() if is_open(path) else ():
            operation["security"] = []
