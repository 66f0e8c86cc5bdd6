"""The API described (OpenAPI 3.1), from the types that read its requests and write its answers."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from flask import Response

from auditsaas.api import models
from auditsaas.api.access import CALLS
from auditsaas.api.blueprint import api
from auditsaas.api.calls import DESCRIBED, FILTER, Described, Parameter
from auditsaas.api.limits import PER_MINUTE
from auditsaas.api.problems import KINDS, PROBLEM_TYPE, ProblemKind
from auditsaas.events.schema import EventInput
from auditsaas.events.writing.append import MAX_BATCH
from auditsaas.exports.columns import COLUMNS
from auditsaas.exports.formats import FORMATS
from auditsaas.version import version

JSON = "application/json"
EVERY_CALL = (401, 403, 429, 500, 503)

_REF = "#/components/schemas/{name}"


@api.get("/openapi.json")
def openapi_document() -> Response:
    return Response(msgspec.json.encode(document()), content_type=JSON)


@cache
def document() -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "AuditSaaS API",
            "version": version(),
            "description": "Send events to a workspace's audit log, read them, follow them as they"
            " are written, export them, and prove what is in it.",
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"key": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key of the workspace, aud_….",
                }
            },
            "schemas": _schemas(),
        },
    }


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for endpoint, described in DESCRIBED.items():
        paths.setdefault(described.path, {})[described.method] = _operation(endpoint, described)
    return paths


def _operation(endpoint: str, described: Described) -> dict[str, Any]:
    call = CALLS[endpoint]
    scopes = ("Scope: " if len(call.scopes) == 1 else "Scopes: ") + ", ".join(call.scopes)
    operation: dict[str, Any] = {
        "operationId": endpoint.removeprefix("api."),
        "summary": described.summary,
        "description": f"{described.description} {scopes}."
        f" {PER_MINUTE[call.rate]:,} requests a minute.".strip(),
        "responses": _responses(described),
    }
    if described.parameters:
        operation["parameters"] = [_parameter(parameter) for parameter in described.parameters]
    if described.body:
        operation["requestBody"] = {
            "required": True,
            "content": {kind: {"schema": schema} for kind, schema in described.body.items()},
        }
    return operation


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "schema": parameter.schema,
        **({"required": True} if parameter.required else {}),
        **({"style": "form", "explode": True} if parameter.schema.get("type") == "array" else {}),
    }


def _responses(described: Described) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, (text, content) in described.answers.items():
        responses[str(status)] = {"description": text, "content": content}
        if status == 202:
            responses["202"]["headers"] = {"Location": _header("Where the export is", "string")}
    for status in sorted({*EVERY_CALL, *described.refusals}):
        responses[str(status)] = _refusal(status, described)
    for response in responses.values():
        response["headers"] = {**response.get("headers", {}), **_everywhere()}
    return responses


def _everywhere() -> dict[str, Any]:
    """Describe the headers of every answer; one to a malformed key has no rate."""
    return {
        "X-Request-ID": _header("The request's id", "string"),
        "RateLimit-Limit": _header("Requests of this kind a minute", "integer"),
        "RateLimit-Remaining": _header("Of them, those that are left", "integer"),
        "RateLimit-Reset": _header("Seconds until the minute ends", "integer"),
    }


def _refusal(status: int, described: Described) -> dict[str, Any]:
    kinds = [kind for kind in KINDS if kind.status == status]
    schema = _REF.format(name=described.problem)
    refusal: dict[str, Any] = {
        "description": " Or: ".join(map(_sentence, kinds)),
        "content": {PROBLEM_TYPE: {"schema": {"$ref": schema}}},
    }
    if status in (429, 503):
        refusal["headers"] = {"Retry-After": _header("Seconds to wait", "integer")}
    if status == 401:
        refusal["headers"] = {"WWW-Authenticate": _header("Bearer", "string")}
    return refusal


def _sentence(kind: ProblemKind) -> str:
    return f"{kind.title}. {kind.meaning} {kind.cure}"


def _header(description: str, kind: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


def _schemas() -> dict[str, Any]:
    _, schemas = msgspec.json.schema_components(
        [
            EventInput,
            models.Batch,
            models.CloudEvent,
            models.ExportedLogs,
            models.Ingested,
            models.StoredEvent,
            models.EventPage,
            models.Feed,
            models.TreeHead,
            models.ConsistencyProof,
            models.TreeKeys,
            models.ExportInput,
            models.ExportJob,
            models.Problem,
            models.IngestProblem,
        ],
        ref_template=_REF,
    )
    _say_what_no_type_says(schemas)
    return schemas


def _say_what_no_type_says(schemas: dict[str, Any]) -> None:
    schemas["Batch"]["properties"]["events"] |= {"minItems": 1, "maxItems": MAX_BATCH}
    _say_what_is_amended(schemas)
    export = schemas["ExportInput"]["properties"]
    export["format"]["enum"] = list(FORMATS)
    export["columns"] |= {"items": {"enum": list(COLUMNS)}, "uniqueItems": True}
    parameters = {parameter.name: parameter.schema for parameter in FILTER}
    export["query"]["anyOf"] = [
        {"type": "string"},
        {"type": "object", "properties": parameters, "additionalProperties": False},
    ]


def _say_what_is_amended(schemas: dict[str, Any]) -> None:
    """Describe what events are amended from (see ``events.amending``)."""
    event = schemas["EventInput"]
    # A key makes an event one for ever only together with its time.
    event["dependentRequired"] = {"idempotency_key": ["occurred_at"]}
    for fields, name in (
        (schemas["ActorInput"], "id"),
        (schemas["TargetInput"], "id"),
        (event, "request_id"),
        (event, "idempotency_key"),
    ):
        fields["properties"][name] = _or_integer(fields["properties"][name])
    in_any_case = {"type": "string", "pattern": _in_any_case(event["properties"]["status"]["enum"])}
    event["properties"]["status"] = {"anyOf": [event["properties"]["status"], in_any_case]}


def _or_integer(schema: dict[str, Any]) -> dict[str, Any]:
    default = {"default": schema["default"]} if "default" in schema else {}
    kinds = schema.get("anyOf") or [schema]
    return {"anyOf": [*kinds, {"type": "integer"}]} | default


def _in_any_case(words: list[str]) -> str:
    letters = ("".join(f"[{letter}{letter.upper()}]" for letter in word) for word in words)
    return f"^({'|'.join(letters)})$"
