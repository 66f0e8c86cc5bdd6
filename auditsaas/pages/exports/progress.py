"""Follows exports that are under way: one request a second for all that a page shows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue

from auditsaas.access import current
from auditsaas.access.page_scope import in_each_scope
from auditsaas.current_request import is_partial
from auditsaas.errors import FieldError, InvalidFields
from auditsaas.exports import service, wording
from auditsaas.exports.models import FINAL_STATES, Export
from auditsaas.extensions import db
from auditsaas.notifications.service import announce
from auditsaas.pages.exports import export_scope
from auditsaas.pages.exports.blueprint import exports
from auditsaas.pages.exports.export_scope import ExportScope
from auditsaas.pages.exports.presenter import present

MOST: Final = 50
"""Exports that are followed at once: as many as a page lists."""
ROWS, DETAIL, TOAST = "rows", "detail", "toast"
SHOWN: Final = (ROWS, DETAIL, TOAST)
"""How a page shows what it follows."""


@dataclass(frozen=True, kw_only=True)
class Following:
    """The exports that a page follows; ``url`` is None where none is under way any more."""

    shown: str
    first: str
    url: str | None
    addresses: Sequence[str] = ()
    """Of the exports under way, whose ends the page tells."""


def following(scope: ExportScope, found: Sequence[Export], shown: str) -> Following:
    """Follow the person's own exports among these that are under way."""
    own = [
        export
        for export in found
        if export.requested_by == scope.person.id
        and scope.is_own(export)
        and export.state not in FINAL_STATES
    ]
    url = None
    if own:
        named = [("export", str(export.id)) for export in own]
        query = urlencode([("as", shown), ("seen", _digest(own)), *named])
        url = f"{scope.base_url}/progress?{query}"
    return Following(
        shown=shown,
        first=str(found[0].id) if found else "",
        url=url,
        addresses=[wording.own_address(export) for export in own],
    )


@in_each_scope(exports, "/exports/progress")
def progress(slug: str | None = None) -> ResponseReturnValue:
    """Render what has changed of some exports; nothing where nothing has."""
    scope = export_scope.load(slug)
    if not is_partial():
        return redirect(scope.base_url)
    shown = request.args.get("as", ROWS)
    if shown not in SHOWN:
        raise InvalidFields([FieldError("as", f"Choose {', '.join(SHOWN)}.")])
    found = service.among(scope.session, scope.visible, _ids())
    if not found or request.args.get("seen") == _digest(found):
        return "", 204
    scope.tell_of(*found)
    ended = [export for export in found if export.state in FINAL_STATES]
    told = [export for export in ended if _is_news(scope, export)]
    db.session.commit()
    viewer = current.viewer()
    return render_template(
        "exports/_progress.html",
        following=following(scope, found, shown),
        exports=[present(export, scope, viewer) for export in found],
        told=[present(export, scope, viewer) for export in told],
        several=scope.several,
        list_url=scope.base_url,
    )


def _is_news(scope: ExportScope, export: Export) -> bool:
    """Tell whether it is the first time that the person is shown the end of their export."""
    if export.requested_by != scope.person.id:
        return False
    return bool(announce(scope.session, scope.person.id, url=wording.own_address(export)))


def _ids() -> list[UUID]:
    given = request.args.getlist("export")
    if len(given) > MOST:
        raise InvalidFields([FieldError("export", f"Follow at most {MOST} exports at once.")])
    try:
        return [UUID(one) for one in given]
    except ValueError:
        raise InvalidFields([FieldError("export", "is not the id of an export")]) from None


def _digest(found: Sequence[Export]) -> str:
    """Digest what a page shows of these exports while they are under way."""
    facts = sorted((str(one.id), one.state, one.rows_done, one.sealed_size) for one in found)
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
