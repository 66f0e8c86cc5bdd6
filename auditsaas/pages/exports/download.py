"""The file of an export as an answer."""

from __future__ import annotations

from urllib.parse import quote

from flask import Response, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wsgi import wrap_file

from auditsaas.access.asked_again import require_recent
from auditsaas.errors import NotFound
from auditsaas.exports import service, wording
from auditsaas.exports.formats import FORMATS, GZIP
from auditsaas.exports.models import Export
from auditsaas.extensions import settings
from auditsaas.storage.address import storage_at
from auditsaas.storage.base import FileMissing
from auditsaas.workspaces.models import Workspace

LARGE = 10_000
"""Rows above which a workspace may have people asked again who they are."""


def ask_again_if_large(session: Session, export: Export) -> None:
    """Ask the person again who they are before a large file, where a workspace says so."""
    if (export.rows_total or export.rows_done) <= LARGE:
        return
    asking = select(Workspace.id).where(
        Workspace.id.in_(export.workspace_ids), Workspace.confirm_downloads
    )
    if session.scalar(asking.limit(1)) is not None:
        require_recent()


def file_response(export: Export, slugs: list[str]) -> Response:
    """Send a file as RFC 9110 wants it, with ranges (section 14) and its SHA-256 as entity tag."""
    storage = storage_at(settings().storage_url)
    key = service.file_of(export)
    try:
        size, file = storage.size(key), storage.open(key)
    except FileMissing as error:
        raise NotFound("The file is no longer in storage. Run the export again.") from error
    response = Response(wrap_file(request.environ, file), direct_passthrough=True)
    response.content_length = size
    response.content_type = GZIP if export.gzip else FORMATS[export.format].content_type
    response.headers["Content-Disposition"] = _attachment(wording.file_name(export, slugs))
    response.set_etag(export.sha256 or str(export.id))
    response.make_conditional(request, accept_ranges=True, complete_length=size)
    return response


def _attachment(name: str) -> str:
    """Write a plain file name for all, and the encoded one that new browsers prefer (RFC 6266)."""
    return f"attachment; filename=\"{name}\"; filename*=UTF-8''{quote(name, safe='')}"
