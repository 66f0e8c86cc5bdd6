"""The exports' pages: the list and its rows as they progress, and the download."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from auditsaas.access import current
from auditsaas.access.once import acts_once
from auditsaas.access.page_scope import OWN_PREFIXES, in_each_scope
from auditsaas.current_request import is_partial
from auditsaas.exports import service, wording
from auditsaas.exports.kind import EXPORTS
from auditsaas.exports.models import Export
from auditsaas.exports.quota import refuse_more
from auditsaas.extensions import db, settings
from auditsaas.jobs.turns import send_in_turn
from auditsaas.notifications.service import mark_read
from auditsaas.pages.exports import asking, export_scope
from auditsaas.pages.exports.blueprint import exports
from auditsaas.pages.exports.download import SentFile, bundle_of, file_of, send_export
from auditsaas.pages.exports.export_scope import ExportScope
from auditsaas.pages.exports.presenter import present
from auditsaas.pages.exports.progress import DETAIL, ROWS, following

__all__ = ["asking", "exports"]

PAGE_SIZE = 50


@in_each_scope(exports, "/exports")
def index(slug: str | None = None) -> ResponseReturnValue:
    scope, viewer = export_scope.load(slug), current.viewer()
    look = scope.list_all()
    if look is not None:
        found = service.newest_of_all(look.session, limit=PAGE_SIZE + 1, before=_before())
        look.show(key for export in found[:PAGE_SIZE] for key in export.workspace_ids)
    else:
        found = service.newest(scope.session, scope.visible, limit=PAGE_SIZE + 1, before=_before())
    shown = [present(export, scope, viewer) for export in found[:PAGE_SIZE]]
    older = f"{scope.base_url}?before={shown[-1].id}" if len(found) > PAGE_SIZE else None
    return render_template(
        "exports/list.html",
        exports=shown,
        log_url=scope.log_url,
        older_url=older,
        several=scope.several,
        kept_days=service.kept_days(scope.session, [found.id for found in scope.workspaces]),
        following=following(scope, found[:PAGE_SIZE], ROWS),
    )


@in_each_scope(exports, "/exports/<uuid:export_id>")
def detail(export_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    """Render one export; as a fragment, its row."""
    scope, export = _export_at(slug, export_id)
    scope.tell_of(export)
    if is_partial():
        return _row(export, scope)
    mark_read(scope.session, scope.person.id, url=wording.own_address(export))
    db.session.commit()
    shown = present(export, scope, current.viewer())
    return render_template(
        "exports/detail.html",
        export=shown,
        list_url=scope.base_url,
        log_url=scope.log_url,
        following=following(scope, [export], DETAIL),
    )


@in_each_scope(exports, "/exports/<uuid:export_id>/cancel", method="POST")
@acts_once
def cancel(export_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    scope, export = _export_at(slug, export_id)
    service.cancel(scope.session, export, scope.requester)
    db.session.commit()
    return _row(export, scope) if is_partial() else redirect(scope.base_url, 303)


@in_each_scope(exports, "/exports/<uuid:export_id>/retry", method="POST")
@acts_once
def retry(export_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    scope, export = _export_at(slug, export_id)
    refuse_more(scope.session, settings(), export.workspace_ids, scope.requester)
    service.run_again(scope.session, export, scope.requester)
    db.session.commit()
    send_in_turn(EXPORTS, export)
    return _row(export, scope) if is_partial() else redirect(scope.base_url, 303)


@in_each_scope(exports, "/exports/<uuid:export_id>/download")
def download(export_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    """Send the file or a range of it; the download is recorded before it is sent."""
    return _sent(slug, export_id, file_of)


@in_each_scope(exports, "/exports/<uuid:export_id>/bundle", prefixes=OWN_PREFIXES)
def download_bundle(export_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    """Send the archive of the file and its proof, as the file is sent."""
    return _sent(slug, export_id, bundle_of)


def _sent(
    slug: str | None, export_id: UUID, chosen: Callable[[Export, list[str]], SentFile]
) -> Response:
    return send_export(*_export_at(slug, export_id), chosen)


def _export_at(slug: str | None, export_id: UUID) -> tuple[ExportScope, Export]:
    """Load the scope of the address, and the export of it that may be seen there."""
    scope = export_scope.load(slug)
    export = service.find(scope.session, scope.visible, export_id)
    scope.bind_to(export.workspace_ids)
    return scope, export


def _row(export: Export, scope: ExportScope) -> str:
    shown = present(export, scope, current.viewer())
    return render_template("exports/_row.html", export=shown, several=scope.several)


def _before() -> UUID | None:
    try:
        return UUID(request.args.get("before", ""))
    except ValueError:
        return None
