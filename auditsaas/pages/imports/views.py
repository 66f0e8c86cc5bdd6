"""The imports of a workspace: upload a file, see how far it is and what was refused."""

from __future__ import annotations

from os import SEEK_END
from uuid import UUID
from zoneinfo import available_timezones

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from auditsaas.access.current import require_person
from auditsaas.access.loaders import WorkspaceAccess, acting_member, load_workspace
from auditsaas.access.once import acts_once
from auditsaas.current_request import is_partial
from auditsaas.errors import InvalidFields
from auditsaas.events.importers.registry import AUTO, FORMATS
from auditsaas.events.schema import TargetInput
from auditsaas.extensions import db, settings
from auditsaas.imports import mappings, service
from auditsaas.imports.expired import Expired
from auditsaas.imports.kind import IMPORTS
from auditsaas.imports.models import Import
from auditsaas.imports.quota import refuse_more
from auditsaas.jobs.turns import send_in_turn
from auditsaas.notifications.service import mark_read
from auditsaas.own_activities import Activity
from auditsaas.pages.imports.presenter import present
from auditsaas.permissions import Permission
from auditsaas.quotas import current
from auditsaas.quotas.known import MIB
from auditsaas.quotas.spending import Spender
from auditsaas.storage.address import storage_at
from auditsaas.storage.base import Storage, StorageError
from auditsaas.workspaces.settings import redacted_keys

imports = Blueprint("imports", __name__, url_prefix="/w/<slug>/imports")

PAGE_SIZE = 50
FIELDS = {"format": AUTO, "time_zone": "", "expired": Expired.REFUSE.value}
EXPIRED = {
    Expired.REFUSE.value: "Import nothing of such a file, and say how many there are",
    Expired.SKIP.value: "Leave them out, and import the others",
    Expired.IMPORT.value: "Import them all the same",
}


@imports.get("")
def index(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    found = service.newest(db.session(), access.id, limit=PAGE_SIZE + 1, before=_before())
    shown = [present(each, _base(access)) for each in found[:PAGE_SIZE]]
    older = f"{_base(access)}?before={shown[-1].id}" if len(found) > PAGE_SIZE else None
    return render_template(
        "imports/list.html", workspace=access, imports=shown, older_url=older, base=_base(access)
    )


@imports.get("/new")
def new(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    return _form(access, {**FIELDS, "format": request.args.get("format", AUTO)}, None)


@imports.post("/new")
@acts_once
def upload(slug: str) -> ResponseReturnValue:
    """Request one import for each file; where one cannot be kept, none."""
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE, recent=False)
    fields = {name: request.form.get(name, usual).strip() for name, usual in FIELDS.items()}
    files = [file for file in request.files.getlist("file") if file.filename]
    if not files:
        return _form(access, fields, "Choose a file."), 422
    try:
        made = [_keep(access, file, fields) for file in files]
        for each in made:
            _record(access, Activity.IMPORT_REQUESTED, each)
    except (InvalidFields, StorageError) as error:
        db.session.rollback()
        words = error.errors[0].message if isinstance(error, InvalidFields) else str(error)
        return _form(access, fields, words), 422
    db.session.commit()
    send_in_turn(IMPORTS, *made)
    return redirect(_base(access), 303)


@imports.get("/<uuid:import_id>")
def detail(slug: str, import_id: UUID) -> ResponseReturnValue:
    """Render one import; as a fragment, the row that polls itself until it is final."""
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    found = service.find(db.session(), access.id, import_id)
    shown = present(found, _base(access))
    if is_partial():
        return render_template("imports/_row.html", item=shown)
    mark_read(db.session(), require_person().id, url=shown.url)
    db.session.commit()
    return render_template("imports/detail.html", item=shown, base=_base(access))


@imports.post("/<uuid:import_id>/cancel")
@acts_once
def cancel(slug: str, import_id: UUID) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE, recent=False)
    found = service.find(db.session(), access.id, import_id)
    service.cancel(db.session(), found)
    _record(access, Activity.IMPORT_CANCELLED, found)
    key, shown = found.file_key, present(found, _base(access))
    db.session.commit()
    if key is not None:
        _storage().delete(key)
    if is_partial():
        return render_template("imports/_row.html", item=shown)
    return redirect(_base(access), 303)


def _keep(access: WorkspaceAccess, file: FileStorage, fields: dict[str, str]) -> Import:
    person_id = require_person().id
    refuse_more(db.session(), settings(), access.workspace, person_id)
    spender = Spender(workspace_id=access.id, own=access.workspace.quotas, person_id=person_id)
    current.spend(MIB, spender, _size(file))
    return service.request(
        db.session(),
        _storage(),
        workspace_id=access.id,
        person_id=person_id,
        name=file.filename or "",
        content=file.stream,  # type: ignore[arg-type]  # a binary stream, typed as any
        format=fields["format"],
        time_zone=fields["time_zone"] or None,
        expired=fields["expired"],
    )


def _size(file: FileStorage) -> int:
    file.stream.seek(0, SEEK_END)
    size = file.stream.tell()
    file.stream.seek(0)
    return size


def _record(access: WorkspaceAccess, activity: Activity, found: Import) -> None:
    file = TargetInput(type="file", id=str(found.id), name=found.name)
    acting_member(access).record(
        db.session(), activity, targets=[file], metadata={"format": found.format}
    )


def _form(access: WorkspaceAccess, fields: dict[str, str], error: str | None) -> str:
    return render_template(
        "imports/new.html",
        workspace=access,
        fields=fields,
        error=error,
        formats={AUTO: "Recognise each file", **{key: made.title for key, made in FORMATS.items()}},
        mappings=mappings.kept(db.session(), access.id),
        zones=sorted(available_timezones()),
        expired=EXPIRED,
        redacted_keys=redacted_keys(db.session(), access.id),
        base=_base(access),
    )


def _base(access: WorkspaceAccess) -> str:
    return f"/w/{access.slug}/imports"


def _storage() -> Storage:
    return storage_at(settings().storage_url)


def _before() -> UUID | None:
    try:
        return UUID(request.args.get("before", ""))
    except ValueError:
        return None
