"""Exports: asking for a file, watching it, and downloading it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from flask import Response, request, url_for
from sqlalchemy import ColumnElement, and_
from werkzeug.datastructures import MultiDict

from auditsaas.api.access import key_access, key_workspace, workspace_slug
from auditsaas.api.answers import UTC_ZONE, Parameters, answer
from auditsaas.api.blueprint import api
from auditsaas.api.ingest.unpacking import NotJson, Unsupported, unpack
from auditsaas.api.models import ExportInput
from auditsaas.current_request import facts
from auditsaas.errors import FieldError, InvalidFields
from auditsaas.events.filter.event_filter import PARAMETERS
from auditsaas.events.wording import field_error
from auditsaas.exports import service
from auditsaas.exports.asking.request import ExportRequest, request_export
from auditsaas.exports.formats import format_called, options
from auditsaas.exports.kind import EXPORTS
from auditsaas.exports.models import Export, ExportState
from auditsaas.exports.requester import Requester
from auditsaas.extensions import db, settings
from auditsaas.jobs.turns import send_in_turn
from auditsaas.pages.exports.blueprint import limits_here
from auditsaas.pages.exports.download import (
    SentFile,
    bundle_of,
    cut_recorder,
    file_of,
    send_file,
)
from auditsaas.text import storable

_decode = msgspec.json.Decoder(ExportInput).decode


@api.post("/exports")
def post_export() -> Response:
    asked = _read_export()
    workspace = key_workspace()
    parameters = Parameters(_arguments(asked.query), PARAMETERS)
    event_filter = parameters.event_filter(workspace)
    parameters.check()
    chosen = format_called(asked.format)
    wanted = ExportRequest(
        requester=_requester(),
        workspaces=[key_access().workspace_id],
        format=chosen,
        options=options(chosen, columns=asked.columns, gzip=asked.gzip),
        event_filter=event_filter,
        zone=UTC_ZONE,
        row_limits=limits_here(),
        settings=settings(),
        status_code=202,
        proof=asked.proof,
    )
    export = request_export(db.session(), wanted)
    db.session.commit()
    send_in_turn(EXPORTS, export)
    response = answer(_job(export, workspace.slug), 202)
    response.headers["Location"] = url_for("api.get_export", export_id=export.id)
    return response


@api.get("/exports/<uuid:export_id>")
def get_export(export_id: UUID) -> Response:
    export = service.find(db.session(), _visible(), export_id)
    return answer(_job(export, workspace_slug()))


@api.get("/exports/<uuid:export_id>/download")
def download_export(export_id: UUID) -> Response:
    return _sent(export_id, file_of)


@api.get("/exports/<uuid:export_id>/bundle")
def download_bundle(export_id: UUID) -> Response:
    return _sent(export_id, bundle_of)


def _sent(export_id: UUID, chosen: Callable[[Export, list[str]], SentFile]) -> Response:
    export = service.find(db.session(), _visible(), export_id)
    sent = chosen(export, [workspace_slug()])

    def record(status_code: int, part: str | None) -> None:
        service.record_download(
            db.session(),
            export,
            _requester(),
            status_code=status_code,
            part=part,
            with_proof=sent.has_proof,
        )
        db.session.commit()

    # By a link a careless client would send the key on to the store.
    return send_file(
        sent,
        caller=f"key {key_access().key_id}",
        record=record,
        record_cut=cut_recorder(export, _requester()),
        by_link=False,
    )


def _visible() -> ColumnElement[bool]:
    """Build the condition for exports that keys of the workspace asked for; a person's are not."""
    return and_(
        Export.workspace_ids == [key_access().workspace_id], Export.requested_by_key.is_not(None)
    )


def _requester() -> Requester:
    return Requester(key=key_access(), facts=facts())


def _read_export() -> ExportInput:
    if request.mimetype != "application/json":
        raise Unsupported("Send application/json.")
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    try:
        return _decode(unpack(request.get_data(), encoding))
    except msgspec.ValidationError as error:
        raise InvalidFields([field_error("", str(error))]) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NotJson("The body is not JSON.") from None
    except RecursionError:
        raise NotJson("The body is nested too deeply.") from None


def _arguments(query: str | Mapping[str, str | list[str]]) -> MultiDict[str, str]:
    """Read the filter's parameters from a query string, or from an object of them.

    Raises:
        InvalidFields: the text is not a query string.
    """
    if isinstance(query, Mapping):
        return MultiDict(query)
    if not storable(query):
        raise InvalidFields([FieldError("query", "holds a character that no event can have")])
    try:
        pairs = parse_qsl(
            query.removeprefix("?"),
            keep_blank_values=True,
            strict_parsing=bool(query),
            errors="strict",
            max_num_fields=1000,
        )
    except ValueError:
        message = "is not a query string such as status=error&activity=user.*"
        raise InvalidFields([FieldError("query", message)]) from None
    return MultiDict(pairs)


def _job(export: Export, slug: str) -> dict[str, Any]:
    state = export.state_now
    ready = state == ExportState.READY
    return {
        "id": export.id,
        "state": state.value,
        "format": export.format,
        "query": export.query,
        "workspace": slug,
        "created_at": export.created_at,
        "started_at": export.started_at,
        "finished_at": export.finished_at,
        "expires_at": export.expires_at,
        "rows_done": export.rows_done,
        "rows_total": export.rows_total,
        "bytes": export.bytes,
        "sha256": export.sha256,
        "error": export.error,
        "download_url": url_for("api.download_export", export_id=export.id) if ready else None,
        "proof": export.proof,
        "bundle_url": url_for("api.download_bundle", export_id=export.id)
        if ready and export.proof
        else None,
        "bundle_bytes": export.bundle_bytes,
        "bundle_sha256": export.bundle_sha256,
        "sealed_size": export.sealed_size,
    }
