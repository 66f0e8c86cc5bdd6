"""The pages by which a person's words are erased: asked for, confirmed by another admin, listed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from auditsaas.access import current, log_reading
from auditsaas.access.loaders import WorkspaceAccess, acting_member, load_workspace
from auditsaas.access.once import acts_once
from auditsaas.erasures import parts, persons, service
from auditsaas.erasures.persons import Person
from auditsaas.errors import Conflict, Invalid, InvalidFields
from auditsaas.extensions import db, settings
from auditsaas.pages.erasures import presenter, remains
from auditsaas.pending_changes.rules import Rules
from auditsaas.permissions import Permission
from auditsaas.workspaces.members import active_admins

erasures = Blueprint("erasures", __name__, url_prefix="/w/<slug>/erasures")

LISTED: Final = 100
DONE: Final = {
    "confirmed": "Confirmed. It can be cancelled until its time has come.",
    "cancelled": "Cancelled. Nothing was erased.",
    "asked": "Asked. Every admin was told; another one has to confirm.",
}


@dataclass(frozen=True, kw_only=True)
class Form:
    """The form as it was filled in."""

    person: str = ""
    names: tuple[str, ...] = tuple(part.name for part in parts.PARTS if part.chosen)
    reason: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def sent(cls) -> Form:
        return cls(
            person=request.form.get("person", "")[:256],
            names=tuple(request.form.getlist("parts")),
            reason=request.form.get("reason", ""),
        )

    def refused(self, error: InvalidFields) -> Form:
        wrong = {one.field: one.message for one in error.errors}
        return replace(self, errors=wrong)


@erasures.get("")
def index(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    return _listed(access, Form())


@erasures.post("/look")
def look(slug: str) -> ResponseReturnValue:
    """Show whom it is about and how many events, before it is asked for."""
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    form = Form.sent()
    try:
        person = persons.find(db.session(), access.id, form.person)
    except InvalidFields as error:
        return _listed(access, form.refused(error)), error.status
    return _listed(access, form, person)


@erasures.post("")
@acts_once
def ask(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    form, known = Form.sent(), settings()
    try:
        change = service.ask(
            db.session(),
            acting_member(access),
            form.person,
            form.names,
            form.reason,
            Rules.of(known),
            known.secret_keys,
        )
    except InvalidFields as error:
        db.session.rollback()
        return _listed(access, form.refused(error)), error.status
    except Conflict as error:
        db.session.rollback()
        return _listed(access, replace(form, errors={"whole": str(error)})), error.status
    address = f"/w/{access.slug}/erasures/{change.id}?done=asked"
    db.session.commit()
    return redirect(address, 303)


@erasures.get("/<uuid:erasure_id>")
def show(slug: str, erasure_id: UUID) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    return _shown(access, erasure_id)


@erasures.post("/<uuid:erasure_id>/confirm")
@acts_once
def confirm(slug: str, erasure_id: UUID) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    typed, rules = request.form.get("events", ""), Rules.of(settings())
    try:
        service.confirm(db.session(), acting_member(access), erasure_id, typed, rules)
    except (Invalid, Conflict) as error:
        db.session.rollback()
        return _shown(access, erasure_id, str(error)), error.status
    return _back(access, erasure_id, "confirmed")


@erasures.post("/<uuid:erasure_id>/cancel")
@acts_once
def cancel(slug: str, erasure_id: UUID) -> ResponseReturnValue:
    # To cancel takes nothing away, and may be urgent.
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE, recent=False)
    service.cancel(db.session(), acting_member(access), erasure_id)
    return _back(access, erasure_id, "cancelled")


def _back(access: WorkspaceAccess, erasure_id: UUID, word: str) -> ResponseReturnValue:
    address = f"/w/{access.slug}/erasures/{erasure_id}?done={word}"
    db.session.commit()
    return redirect(address, 303)


def _listed(access: WorkspaceAccess, form: Form, person: Person | None = None) -> str:
    session, viewer = db.session(), current.viewer()
    found: dict[str, Any] = {}
    if person is not None:
        sample = presenter.sample_of(session, access.id, person.sample)
        chosen = parts.of_names(form.names)
        if sample is not None:
            found["sample"] = sample
            found["lines"] = presenter.versus(sample, chosen, "erased-…", viewer)
    known = service.newest(session, access.id, LISTED)
    return render_template(
        "erasures/list.html",
        workspace=access,
        form=form,
        person=person,
        parts=parts.PARTS,
        shown=presenter.present(session, known, viewer),
        remains=remains.of(session, access.id),
        rules=Rules.of(settings()),
        alone=len(active_admins(session, access.id)) < 2,
        held=access.workspace.legal_hold,
        sealed=remains.sealed(session, access.id),
        **found,
    )


def _shown(access: WorkspaceAccess, erasure_id: UUID, error: str | None = None) -> str:
    session, viewer = db.session(), current.viewer()
    erasure = service.get(session, access.id, erasure_id)
    [shown] = presenter.present(session, [erasure], viewer)
    sample = presenter.sample_of(session, access.id, erasure.request.sample)
    if sample is not None:
        log_reading.opened(access.id, sample.id)
    pseudonym = erasure.request.pseudonym
    return render_template(
        "erasures/erasure.html",
        workspace=access,
        one=shown,
        change=erasure.change,
        asked=erasure.request,
        me=current.require_person().id,
        sample=sample,
        lines=presenter.versus(sample, erasure.parts, pseudonym, viewer) if sample else [],
        sealed=remains.sealed(session, access.id),
        remains=remains.of(session, access.id),
        is_member=remains.is_member(session, access.id, erasure.request.person),
        held=access.workspace.legal_hold,
        error=error,
        done=None if error else DONE.get(request.args.get("done", "")),
    )
