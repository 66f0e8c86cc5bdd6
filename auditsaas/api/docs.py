"""The page that shows the OpenAPI document; it is made from it, by the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Blueprint, render_template

from auditsaas.api.access import CALLS
from auditsaas.api.limits import PER_MINUTE
from auditsaas.api.openapi import document
from auditsaas.api.problems import DOCS, KINDS
from auditsaas.extensions import settings

docs = Blueprint("api_docs", __name__)

SHOWN_SCHEMAS = ("EventInput", "ActorInput", "TargetInput")


@docs.get(DOCS)
def show() -> str:
    shown = document()
    return render_template(
        "api/docs.html",
        info=shown["info"],
        calls=list(_calls(shown)),
        schemas={name: _fields(shown["components"]["schemas"][name]) for name in SHOWN_SCHEMAS},
        problems=KINDS,
        base_url=settings().base_url,
    )


def _calls(shown: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    server = shown["servers"][0]["url"]
    for path, methods in shown["paths"].items():
        for method, operation in methods.items():
            call = CALLS[f"api.{operation['operationId']}"]
            yield {
                "id": operation["operationId"].replace("_", "-"),
                "method": method.upper(),
                "path": server + path,
                "summary": operation["summary"],
                "description": operation["description"],
                "scope": " and ".join(call.scopes),
                "per_minute": PER_MINUTE[call.rate],
                "parameters": [
                    {**parameter, "type": type_words(parameter["schema"])}
                    for parameter in operation.get("parameters", ())
                ],
                "bodies": list(operation.get("requestBody", {}).get("content", {})),
                "answers": {
                    status: response["description"]
                    for status, response in operation["responses"].items()
                },
            }


def _fields(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "type": type_words(field), "required": name in schema.get("required", ())}
        for name, field in schema["properties"].items()
    ]


def type_words(schema: Mapping[str, Any]) -> str:
    """Describe a schema in a few words: `string, 1 to 128 characters`."""
    if "anyOf" in schema:
        kinds = [kind for kind in schema["anyOf"] if kind.get("type") != "null"]
        return " or ".join(map(type_words, kinds))
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        items = type_words(schema["items"]) if "items" in schema else "any values"
        return f"list of {items}{_bounds(schema, 'Items', 'items')}"
    words = str(schema.get("format") or schema.get("type") or "anything")
    return words + (
        _bounds(schema, "Length", "characters")
        or _between(schema.get("minimum"), schema.get("maximum"), "")
    )


def _bounds(schema: Mapping[str, Any], suffix: str, unit: str) -> str:
    return _between(schema.get(f"min{suffix}"), schema.get(f"max{suffix}"), f" {unit}")


def _between(lowest: float | None, highest: float | None, unit: str) -> str:
    if highest is None:
        return "" if lowest is None else f", {lowest:,} or more{unit}"
    return f", up to {highest:,}{unit}" if lowest is None else f", {lowest:,} to {highest:,}{unit}"
