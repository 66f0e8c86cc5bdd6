"""The file of an export as an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from flask import Response, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wsgi import wrap_file

from auditsaas.access.asked_again import require_recent
from auditsaas.access.waiting import use_files
from auditsaas.errors import NotFound
from auditsaas.exports import service, wording
from auditsaas.exports.formats import FORMATS, GZIP, ZIP
from auditsaas.exports.models import Export
from auditsaas.extensions import settings
from auditsaas.storage.address import storage_at
from auditsaas.storage.base import Elsewhere, FileMissing, Storage
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


@dataclass(frozen=True, kw_only=True)
class SentFile:
    """One of an export's files, as it is sent."""

    key: str
    name: str
    content_type: str
    tag: str
    """The SHA-256 of its bytes."""
    has_proof: bool = False


def file_of(export: Export, slugs: Sequence[str]) -> SentFile:
    """Return the file of an export; raise Expired or Conflict where there is none."""
    return SentFile(
        key=service.file_of(export),
        name=wording.file_name(export, slugs),
        content_type=GZIP if export.gzip else FORMATS[export.format].content_type,
        tag=export.sha256 or str(export.id),
    )


def bundle_of(export: Export, slugs: Sequence[str]) -> SentFile:
    """Return the archive of a file and its proof; raise Expired, Conflict or NotFound likewise."""
    return SentFile(
        key=service.bundle_of(export),
        name=wording.bundle_name(export, slugs),
        content_type=ZIP,
        tag=export.bundle_sha256 or str(export.id),
        has_proof=True,
    )


def send_file(
    sent: SentFile,
    *,
    caller: str,
    record: Callable[[int, str | None], None],
    by_link: bool = True,
) -> Response:
    """Send a file as RFC 9110 wants it, with ranges (section 14) and its SHA-256 as entity tag.

    Where the storage has others send it, they do, unless that takes a link and the caller does not
    follow one; else a thread for files does. ``record`` is called with status and range before.

    Raises:
        NotFound: storage has lost it.
        TooManyAtOnce, Busy: no thread is free for ``caller``.
    """
    storage = storage_at(settings().storage_url)
    key, kind, name = sent.key, sent.content_type, _attachment(sent.name)
    found = storage.elsewhere(key, disposition=name, content_type=kind)
    other = found if found is not None and (by_link or not found.is_link) else None
    if other is None and request.method == "GET":
        use_files(caller)
    response = _whole(storage, key, opened=other is None)
    response.content_type = kind
    response.headers["Content-Disposition"] = name
    response.set_etag(sent.tag)
    size = response.content_length
    response.make_conditional(request, accept_ranges=True, complete_length=size)
    if request.method == "GET" and response.status_code in (200, 206):
        record(response.status_code, response.headers.get("Content-Range"))
        return response if other is None else _sent_by(other, response)
    return response


def _whole(storage: Storage, key: str, *, opened: bool) -> Response:
    """Return the whole file as an answer, with its bytes only where they are sent from here."""
    try:
        size = storage.size(key)
        file = wrap_file(request.environ, storage.open(key)) if opened else []
    except FileMissing as error:
        raise NotFound("The file is no longer in storage. Run the export again.") from error
    response = Response(file, direct_passthrough=True)
    response.content_length = size
    return response


def _sent_by(other: Elsewhere, response: Response) -> Response:
    """Leave the bytes, and ranges of them, to the proxy or to the store."""
    response.response = []
    response.status_code = 303 if other.is_link else 200
    for name in ("Content-Range", "Content-Length"):
        response.headers.pop(name, None)
    if other.is_link:
        for name in ("Content-Disposition", "ETag", "Accept-Ranges"):
            response.headers.pop(name, None)
        response.headers["Referrer-Policy"] = "no-referrer"
    response.headers[other.header] = other.address
    return response


def _attachment(name: str) -> str:
    """Write a plain file name for all, and the encoded one that new browsers prefer (RFC 6266)."""
    return f"attachment; filename=\"{name}\"; filename*=UTF-8''{quote(name, safe='')}"
