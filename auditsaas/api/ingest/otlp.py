"""OTLP logs over HTTP (OpenTelemetry Protocol 1.x): what comes in, and how it is answered.

The messages are those of the OpenTelemetry project, in protobuf and in JSON; ``otlp_fields`` makes
events of them. What cannot be stored is told as a partial success, which exporters do not retry.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime

from flask import Response, request
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from auditsaas.api.ingest.bodies import SPACE, Parsed, Reader
from auditsaas.api.ingest.keeping import Kept, keep
from auditsaas.api.ingest.options import Options
from auditsaas.api.ingest.otlp_bounds import (
    MAX_RECORDS,
    refuse_many_in_json,
    refuse_many_in_protobuf,
)
from auditsaas.api.ingest.otlp_fields import Origin, event_of
from auditsaas.api.ingest.unpacking import NotJson, TooLarge, Unsupported
from auditsaas.events.schema import RefusedEvent

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
SHOWN_REASONS = 10

# google.rpc.Code, by HTTP status; what is not named is a failed precondition of the request.
_CODES = {401: 16, 403: 7, 404: 5, 429: 8, 503: 14}
_INVALID_ARGUMENT, _INTERNAL = 3, 13


def receive(body: bytes, now: datetime) -> Response:
    """Store the log records of a request, and say how many could not be."""
    exported = decode(body, request.mimetype)
    parsed = _parsed(exported, Reader(now), is_json=request.mimetype == JSON)
    kept = keep(parsed, now, Options()) if parsed.events else Kept()
    return _answer(_account(parsed, kept))


def decode(body: bytes, kind: str) -> ExportLogsServiceRequest:
    """Decode the request's message.

    Raises:
        NotJson: it is none.
        Unsupported: neither protobuf nor JSON.
    """
    exported = ExportLogsServiceRequest()
    try:
        if kind == PROTOBUF:
            refuse_many_in_protobuf(body)
            exported.ParseFromString(body)
        elif kind == JSON and not body.lstrip(SPACE).startswith(b"{"):
            raise NotJson("The body must be a JSON object.")
        elif kind == JSON:
            refuse_many_in_json(body)
            Parse(body, exported, ignore_unknown_fields=True)
        else:
            raise Unsupported(f"Send {PROTOBUF} or {JSON}.")
    except DecodeError:
        raise NotJson("The body is no ExportLogsServiceRequest of OTLP in protobuf.") from None
    except (ParseError, RecursionError, ValueError, TypeError, AttributeError) as error:
        words = " ".join(str(error).split())[:200]
        raise NotJson(f"The body is no ExportLogsServiceRequest of OTLP in JSON: {words}") from None
    return exported


def as_status(response: Response, detail: str) -> Response:
    """Encode a refusal as OTLP has them: ``google.rpc.Status``, in protobuf."""
    code = _CODES.get(response.status_code)
    if code is None:
        code = _INTERNAL if response.status_code >= 500 else _INVALID_ARGUMENT
    response.set_data(Status(code=code, message=detail).SerializeToString())
    response.content_type = PROTOBUF
    return response


def _parsed(exported: ExportLogsServiceRequest, reader: Reader, *, is_json: bool) -> Parsed:
    parsed = Parsed({}, {})
    for index, (record, origin) in enumerate(_records(exported, is_json=is_json)):
        if index == MAX_RECORDS:
            raise TooLarge(f"A request holds at most {MAX_RECORDS:,} log records.")
        try:
            parsed.events[index] = reader.mapping(event_of(record, origin))
        except RefusedEvent as refusal:
            parsed.refused[index] = refusal
    return parsed


def _records(
    exported: ExportLogsServiceRequest, *, is_json: bool
) -> Iterator[tuple[Message, Origin]]:
    for of_resource in exported.resource_logs:
        for of_scope in of_resource.scope_logs:
            for record in of_scope.log_records:
                # In JSON the two ids are hexadecimal, which the parser read as base64.
                as_text = _base64 if is_json else bytes.hex
                yield (
                    record,
                    Origin(
                        of_resource.resource.attributes,
                        of_scope.scope.name,
                        of_scope.scope.version,
                        as_text(record.trace_id),
                        as_text(record.span_id),
                    ),
                )


def _base64(read: bytes) -> str:
    return b64encode(read).decode().lower()


def _account(parsed: Parsed, kept: Kept) -> ExportLogsServiceResponse:
    account = ExportLogsServiceResponse()
    rejected = len(parsed.refused) + len(kept.conflicts)
    if not rejected:
        return account
    places = list(parsed.events)
    reasons = [f"log record {index}: {refusal}" for index, refusal in parsed.refused.items()]
    reasons += [
        f"log record {places[place]}: its sender gave event {stands} that id, with other content"
        for place, stands in kept.conflicts
    ]
    more = f"; and {rejected - SHOWN_REASONS:,} more" if rejected > SHOWN_REASONS else ""
    account.partial_success.rejected_log_records = rejected
    account.partial_success.error_message = "; ".join(reasons[:SHOWN_REASONS]) + more
    return account


def _answer(account: ExportLogsServiceResponse) -> Response:
    """Encode an answer as the request was encoded, as the protocol wants it."""
    if request.mimetype == PROTOBUF:
        return Response(account.SerializeToString(), content_type=PROTOBUF)
    return Response(MessageToJson(account, indent=None), content_type=JSON)
