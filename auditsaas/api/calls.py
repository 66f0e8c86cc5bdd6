"""Describes each call's input and answers, for the OpenAPI document and its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from auditsaas.api.answers import LARGEST_SEQ
from auditsaas.api.events import DEFAULT_LIMIT, MAX_LIMIT
from auditsaas.api.feed import LONGEST_WAIT
from auditsaas.api.ingest.options import HEADER, KEY_PATTERN, LONGEST_KEY, UNKNOWN, YES_OR_NO
from auditsaas.events.filter.event_filter import FILTERS
from auditsaas.events.filter.fields import Filter
from auditsaas.events.filter.period import PRESETS
from auditsaas.events.filter.reader import ALL_TIME
from auditsaas.exports.formats import FORMATS

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Parameter:
    name: str
    description: str
    schema: Schema
    place: Literal["query", "path", "header"] = "query"
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Described:
    """One call, in words and schemas."""

    method: Literal["get", "post"]
    path: str
    summary: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Mapping[str, Schema] = field(default_factory=dict)
    answers: Mapping[int, tuple[str, Mapping[str, Any]]]
    refusals: tuple[int, ...] = ()
    problem: str = "Problem"


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list_of(name: str) -> dict[str, Any]:
    # One over 1,000 is too large (413) rather than wrong, so the schema says nothing of it.
    return {"type": "array", "items": _ref(name), "minItems": 1}


def _json(name: str) -> Mapping[str, Any]:
    return {"application/json": {"schema": _ref(name)}}


def _text(name: str, description: str) -> Parameter:
    return Parameter(name, description, {"type": "string", "maxLength": 512})


def _several(name: str, description: str, **items: Any) -> Parameter:
    schema = {"type": "array", "items": {"type": "string", **items}, "maxItems": 100}
    return Parameter(name, description, schema)


def _whole(
    name: str, description: str, lowest: int, highest: int, default: int | None = None
) -> Parameter:
    schema: dict[str, Any] = {"type": "integer", "minimum": lowest, "maximum": highest}
    given = {} if default is None else {"default": default}
    return Parameter(name, description, schema | given)


def _id(what: str) -> Parameter:
    schema = {"type": "string", "format": "uuid"}
    return Parameter("id", f"The {what}'s id.", schema, "path", required=True)


LIMIT = _whole("limit", "How many events at most.", 1, MAX_LIMIT, DEFAULT_LIMIT)


def _parameter(known: Filter) -> Parameter:
    if not known.several:
        return _text(known.name, known.api)
    # Only what is refused otherwise is listed: any word may be a method.
    closed = known.choices if known.closed else ()
    return _several(known.name, known.api, **({"enum": list(closed)} if closed else {}))


FILTER = (
    *map(_parameter, FILTERS.values()),
    _text("q", "Words and key:value terms that must all hold; - before one excludes."),
    Parameter(
        "range",
        "A period named by today, in UTC. Not together with from and to.",
        {"type": "string", "enum": [*PRESETS, ALL_TIME]},
    ),
    _text("from", "A day in UTC, or an RFC 3339 instant."),
    _text("to", "A day in UTC (inclusive), or an RFC 3339 instant (exclusive)."),
)

SENDING = (
    Parameter(
        "strict",
        "Store all events of the request or none: one that is refused or in conflict undoes all.",
        {"type": "string", "enum": list(YES_OR_NO), "default": "false"},
    ),
    Parameter(
        "unknown",
        "What becomes of fields that no event has: the event is refused, or they are kept in its"
        " metadata.",
        {"type": "string", "enum": list(UNKNOWN), "default": "refuse"},
    ),
    Parameter(
        HEADER,
        "Makes the same request sent again store nothing: with the place of an event in the request"
        " it is the key of each event that has none of its own. Kept for seven days at least where"
        " events have no time, and else for ever.",
        {"type": "string", "maxLength": LONGEST_KEY, "pattern": KEY_PATTERN},
        "header",
    ),
)

RECORDED = (
    "That the key read is recorded in the log as log.read, by the hour unless the workspace chose"
    " otherwise; where it wants every request recorded, one that cannot be is refused (503)."
)

DESCRIBED = {
    "api.post_events": Described(
        method="post",
        path="/events",
        summary="Send events",
        description="One event, a batch of up to 1,000 as an object or an array, one event a line"
        " (application/ndjson, jsonl and their like are read too), or CloudEvents. Content-Encoding"
        " gzip and deflate are read. Up to 5,000,000 bytes unpacked. Good events are stored even if"
        " others are refused. 201 means that they are committed and flushed to disk.",
        parameters=SENDING,
        body={
            "application/json": {
                "anyOf": [_ref("EventInput"), _ref("Batch"), _list_of("EventInput")]
            },
            "application/x-ndjson": {"type": "string"},
            "application/cloudevents+json": _ref("CloudEvent"),
            "application/cloudevents-batch+json": _list_of("CloudEvent"),
        },
        answers={
            200: ("Every event was there already.", _json("Ingested")),
            201: ("Stored; events refused or in conflict are listed.", _json("Ingested")),
        },
        refusals=(400, 409, 413, 415, 422),
        problem="IngestProblem",
    ),
    "api.post_logs": Described(
        method="post",
        path="/logs",
        summary="Send log records of OpenTelemetry",
        description="OTLP over HTTP, in JSON or protobuf, also at /v1/logs. Attributes become the"
        " fields of events by a documented table. What cannot be stored is told as a partial"
        " success. To protobuf a refusal is a google.rpc.Status.",
        body={
            "application/json": {"type": "object"},
            "application/x-protobuf": {"type": "string", "format": "binary"},
        },
        answers={200: ("Read; records that were not stored are counted.", _json("ExportedLogs"))},
        refusals=(400, 413, 415),
    ),
    "api.list_events": Described(
        method="get",
        path="/events",
        summary="Read events, newest first",
        description="Several values of one parameter are alternatives; different parameters must"
        f" all hold. {RECORDED}",
        parameters=(
            *FILTER,
            LIMIT,
            Parameter(
                "cursor",
                "The next_cursor of the page before.",
                {"type": "string", "format": "uuid"},
            ),
        ),
        answers={200: ("A page of events.", _json("EventPage"))},
        refusals=(422,),
    ),
    "api.get_event": Described(
        method="get",
        path="/events/{id}",
        summary="Read one event",
        description=RECORDED,
        parameters=(_id("event"),),
        answers={200: ("The event.", _json("StoredEvent"))},
        refusals=(404,),
    ),
    "api.get_event_proof": Described(
        method="get",
        path="/events/{id}/proof",
        summary="Prove one event",
        description="A text that the verifier, and any tool that reads C2SP tlog-proof@v1, checks"
        f" offline with the log's key: the event is in the log as it was written. {RECORDED}",
        parameters=(_id("event"),),
        answers={200: ("The proof.", {"text/plain": {"schema": {"type": "string"}}})},
        refusals=(404, 409, 422),
    ),
    "api.get_tree": Described(
        method="get",
        path="/tree",
        summary="Read the sealed head of the log",
        description="The newest checkpoint, which is worth keeping, and what waits to be sealed.",
        answers={200: ("The head.", _json("TreeHead"))},
        refusals=(422,),
    ),
    "api.get_consistency": Described(
        method="get",
        path="/tree/consistency",
        summary="Prove that the log grew out of an older one",
        description="Hashes from which the roots of both sizes are computed (RFC 9162, 2.1.4).",
        parameters=(
            replace(
                _whole("from", "The size of the older checkpoint.", 1, LARGEST_SEQ), required=True
            ),
            _whole("to", "The size of the newer one; the newest without it.", 1, LARGEST_SEQ),
        ),
        answers={200: ("The proof, and both roots.", _json("ConsistencyProof"))},
        refusals=(409, 410, 422),
    ),
    "api.list_tree_keys": Described(
        method="get",
        path="/tree/keys",
        summary="Read the keys that check the log's checkpoints",
        answers={200: ("The keys, the oldest first.", _json("TreeKeys"))},
        refusals=(422,),
    ),
    "api.follow_events": Described(
        method="get",
        path="/events/feed",
        summary="Follow the log as it is written",
        description="Events in the order of their sequence numbers, oldest first. Go on from"
        f" last_seq; no event is skipped or given twice. {RECORDED}",
        parameters=(
            _whole("after", "The last_seq of the answer before; 0 for all.", 0, LARGEST_SEQ, 0),
            _whole("epoch", "The epoch of the answer before.", 0, LARGEST_SEQ),
            LIMIT,
            _whole(
                "wait",
                "Seconds to wait for an event where there is none yet. The answer may come sooner.",
                0,
                LONGEST_WAIT,
                0,
            ),
        ),
        answers={200: ("The next events.", _json("Feed"))},
        refusals=(410, 422),
    ),
    "api.post_export": Described(
        method="post",
        path="/exports",
        summary="Ask for an export",
        description="A file of the events that match now, built in the background. Dates are days"
        f" of UTC. Formats: {', '.join(FORMATS)}.",
        body={"application/json": _ref("ExportInput")},
        answers={202: ("The export, waiting to be built.", _json("ExportJob"))},
        refusals=(400, 413, 415, 422),
    ),
    "api.get_export": Described(
        method="get",
        path="/exports/{id}",
        summary="Read the state of an export",
        parameters=(_id("export"),),
        answers={200: ("The export.", _json("ExportJob"))},
        refusals=(404,),
    ),
    "api.download_export": Described(
        method="get",
        path="/exports/{id}/download",
        summary="Download the file of an export",
        description="Ranges are served. The entity tag is the file's SHA-256.",
        parameters=(_id("export"),),
        answers={
            200: ("The file.", {"*/*": {"schema": {}}}),
            206: ("A part of the file.", {"*/*": {"schema": {}}}),
        },
        refusals=(404, 409, 410),
    ),
    "api.download_bundle": Described(
        method="get",
        path="/exports/{id}/bundle",
        summary="Download the file of an export with its proof",
        description="A ZIP archive of the file, its proof, the program that checks them offline,"
        " and a README. Ranges are served. The entity tag is the archive's SHA-256.",
        parameters=(_id("export"),),
        answers={
            200: ("The archive.", {"*/*": {"schema": {}}}),
            206: ("A part of the archive.", {"*/*": {"schema": {}}}),
        },
        refusals=(404, 409, 410),
    ),
}
