"""The file of an export as an answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, cast
from urllib.parse import quote

from flask import Response, current_app, request
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.wsgi import wrap_file

from auditsaas.access.asked_again import require_recent
from auditsaas.access.waiting import cut_after, use_files
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import NotFound
from auditsaas.exports import service, wording
from auditsaas.exports.formats import FORMATS, GZIP, ZIP
from auditsaas.exports.models import Export
from auditsaas.exports.requester import Requester
from auditsaas.extensions import db, settings
from auditsaas.notifications.service import mark_read
from auditsaas.pages.exports.export_scope import ExportScope
from auditsaas.storage.address import storage_at
from auditsaas.storage.base import Elsewhere, FileMissing, Storage
from auditsaas.workspaces.models import Workspace

LARGE = 10_000
"""Rows above which a workspace may have people asked again who they are."""

log = logging.getLogger(__name__)


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


def send_export(
    scope: ExportScope, export: Export, chosen: Callable[[Export, list[str]], SentFile]
) -> Response:
    """Send a file of a person's export, which is recorded before."""
    ask_again_if_large(scope.session, export)
    sent = chosen(export, [scope.names[key].slug for key in export.workspace_ids])

    def record(status_code: int, part: str | None) -> None:
        service.record_download(
            scope.session,
            export,
            scope.requester,
            status_code=status_code,
            part=part,
            with_proof=sent.has_proof,
        )
        mark_read(scope.session, scope.person.id, url=wording.own_address(export))
        db.session.commit()

    return send_file(
        sent,
        caller=f"person {scope.person.id}",
        record=record,
        record_cut=cut_recorder(export, scope.requester),
    )


def cut_recorder(export: Export, requester: Requester) -> Callable[[int, int], None]:
    """Return what records, once the request is over, that its reader left before the end."""
    app: Any = current_app
    own_app, identity = app._get_current_object(), export.id
    lasting, scope = requester.lasting(), Scope.of(*export.workspace_ids)

    def record(sent: int, size: int) -> None:
        with own_app.app_context(), Session(db.engine) as session:
            tenancy.bind(scope, session)
            found = session.get_one(Export, identity)
            service.record_cut(session, found, lasting, sent=sent, size=size)
            session.commit()

    return record


def send_file(
    sent: SentFile,
    *,
    caller: str,
    record: Callable[[int, str | None], None],
    record_cut: Callable[[int, int], None],
    by_link: bool = True,
) -> Response:
    """Send a file as RFC 9110 wants it, with ranges (section 14) and its SHA-256 as entity tag;
    also as the answer to the form that asked for it.

    Where the storage has others send it, they do, unless that takes a link and the caller does not
    follow one; else a thread for files does. ``record`` is called with status and range before,
    ``record_cut`` with the bytes that went, and all there are, where the reader leaves in between.

    Raises:
        NotFound: storage has lost it.
        TooManyAtOnce, Busy: no thread is free for ``caller``.
    """
    storage = storage_at(settings().storage_url)
    key, kind, name = sent.key, sent.content_type, _attachment(sent.name)
    found = storage.elsewhere(key, disposition=name, content_type=kind)
    other = found if found is not None and (by_link or not found.is_link) else None
    if other is None and request.method != "HEAD":
        use_files(caller)
    response = _whole(storage, key, record_cut if other is None else None)
    response.content_type = kind
    response.headers["Content-Disposition"] = name
    response.set_etag(sent.tag)
    size = response.content_length
    response.make_conditional(request, accept_ranges=True, complete_length=size)
    if request.method != "HEAD" and response.status_code in (200, 206):
        record(response.status_code, response.headers.get("Content-Range"))
        return response if other is None else _sent_by(other, response)
    return response


class _Told:
    """A file of which it is told once it is closed, whether or not all of it went."""

    def __init__(self, file: BinaryIO, tell: Callable[[], None]) -> None:
        self._file = file
        self._tell = tell

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        self._file.close()
        self._tell()


def _whole(storage: Storage, key: str, record_cut: Callable[[int, int], None] | None) -> Response:
    """Return the whole file as an answer, with its bytes only where they are sent from here."""
    try:
        size = storage.size(key)
        file: Any = []
        if record_cut is not None:
            told = _Told(storage.open(key), _teller(size, record_cut))
            file = wrap_file(request.environ, cast("IO[bytes]", told))
    except FileMissing as error:
        raise NotFound("The file is no longer in storage. Run the export again.") from error
    response = Response(file, direct_passthrough=True)
    response.content_length = size
    return response


def _teller(size: int, record_cut: Callable[[int, int], None]) -> Callable[[], None]:
    cut = cut_after()

    def tell() -> None:
        sent = cut()
        if sent is None:
            return
        try:
            record_cut(sent, size)
        except SQLAlchemyError:
            log.exception("That a reader left after %d of %d bytes was not recorded", sent, size)

    return tell


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
