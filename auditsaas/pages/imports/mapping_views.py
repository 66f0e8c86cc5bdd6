"""The mappings of a workspace: how files of its own kinds are read, tried on a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from auditsaas.access.current import require_person
from auditsaas.access.loaders import WorkspaceAccess, acting_member, load_workspace
from auditsaas.access.once import acts_once
from auditsaas.current_request import is_partial
from auditsaas.errors import Conflict, FieldError, InvalidFields, NotFound
from auditsaas.events.importers.mapping.checking import UNITS
from auditsaas.events.importers.mapping.inputs import INPUTS
from auditsaas.events.importers.mapping.presets import presets
from auditsaas.events.schema import TargetInput
from auditsaas.extensions import db
from auditsaas.imports import mappings
from auditsaas.imports.trial import sample_of
from auditsaas.own_activities import Activity
from auditsaas.pages.imports.mapping_form import MappingForm
from auditsaas.permissions import Permission
from auditsaas.workspaces.settings import redacted_keys

import_mappings = Blueprint("import_mappings", __name__, url_prefix="/w/<slug>/imports/mappings")


@import_mappings.get("")
def index(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    return render_template(
        "imports/mappings.html",
        workspace=access,
        mappings=mappings.kept(db.session(), access.id),
        presets={name: mapping.title for name, mapping in presets().items()},
        base=_base(access),
    )


@import_mappings.get("/new")
def new(slug: str) -> ResponseReturnValue:
    """Render an empty form, or that of one of the mappings that come with the product."""
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    preset = presets().get(request.args.get("from", ""))
    return _page(access, MappingForm() if preset is None else MappingForm.of(preset.form))


@import_mappings.get("/<mapping>")
def edit(slug: str, mapping: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    found = mappings.find(db.session(), access.id, mapping)
    return _page(access, MappingForm.of(found.form, name=mapping, original=mapping))


@import_mappings.post("/preview")
def preview(slug: str) -> ResponseReturnValue:
    """Render the trial of a sample: as a fragment while it is typed, or with the whole page.

    A file that is posted with it is looked into for a sample, and the form may be had as JSON.
    """
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE, recent=False)
    form = MappingForm.posted(request.form)
    if is_partial():
        return render_template("imports/_trial.html", **_tried(access, form))
    file = request.files.get("sample_file")
    if file is not None and file.filename:
        sample, under = sample_of(file.stream)  # type: ignore[arg-type]  # a binary stream
        form = replace(form, sample=sample, texts=_guessed(form, sample, under))
    return _page(access, form.as_json() if request.form.get("as") == "json" else form)


@import_mappings.post("")
@acts_once
def save(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE, recent=False)
    form = MappingForm.posted(request.form)
    try:
        made = mappings.save(
            db.session(),
            access.id,
            require_person().id,
            name=form.name,
            form=form.said,
            replacing=form.original or None,
        )
        _record(access, Activity.MAPPING_SAVE, made.name)
    except (InvalidFields, Conflict, NotFound) as error:
        db.session.rollback()
        errors = error.errors if isinstance(error, InvalidFields) else None
        told = errors or [FieldError("name", str(error))]
        return _page(access, form, told), 422
    db.session.commit()
    return redirect(_base(access), 303)


@import_mappings.post("/<mapping>/remove")
@acts_once
def remove(slug: str, mapping: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE, recent=False)
    mappings.remove(db.session(), access.id, mapping)
    _record(access, Activity.MAPPING_REMOVE, mapping)
    db.session.commit()
    return redirect(_base(access), 303)


def _guessed(form: MappingForm, sample: str, under: str) -> dict[str, str]:
    """Add the kind of file and the list of its records to the inputs, as the sample has them."""
    kind = "json" if sample.lstrip()[:1] in ("{", "[") else "csv"
    texts = dict(form.texts)
    if texts.get("input") in ("json", "csv", ""):
        texts["input"] = kind
    if under and not texts.get("under"):
        texts["under"] = under
    return texts


def _tried(access: WorkspaceAccess, form: MappingForm) -> dict[str, Any]:
    trial, faults = form.trial(frozenset(redacted_keys(db.session(), access.id)))
    return {"trial": trial, "faults": faults if form.sample or form.original else []}


def _page(access: WorkspaceAccess, form: MappingForm, errors: Sequence[FieldError] = ()) -> str:
    told = {error.field: error.message for error in errors}
    return render_template(
        "imports/mapping.html",
        workspace=access,
        form=form,
        errors=told,
        inputs=list(INPUTS),
        units=list(UNITS),
        zones=sorted(available_timezones()),
        base=_base(access),
        **_tried(access, form),
    )


def _record(access: WorkspaceAccess, activity: Activity, name: str) -> None:
    target = TargetInput(type="mapping", id=name)
    acting_member(access).record(db.session(), activity, targets=[target])


def _base(access: WorkspaceAccess) -> str:
    return f"/w/{access.slug}/imports/mappings"
