"""The API keys page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from auditsaas.access import once
from auditsaas.access.loaders import WorkspaceAccess, acting_member, load_workspace
from auditsaas.access.once import acts_once
from auditsaas.accounts.models import SentForm
from auditsaas.errors import Invalid
from auditsaas.extensions import db
from auditsaas.pages.workspaces import key_list
from auditsaas.permissions import ApiScope, Permission
from auditsaas.workspaces import key_making
from auditsaas.workspaces.api_keys import NewKey
from auditsaas.workspaces.networks import parse_networks

key_pages = Blueprint("api_keys", __name__, url_prefix="/w/<slug>/api-keys")

LIFETIMES = {"30": "30 days", "90": "90 days", "365": "1 year", "": "Never"}
DEFAULT_LIFETIME = "365"


@key_pages.get("")
def show(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.API_KEY_MANAGE)
    return _page(access)


@key_pages.get("/new")
def new(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.API_KEY_MANAGE)
    form = {"name": "", "scopes": [ApiScope.EVENTS_WRITE.value], "networks": ""}
    return _form(access, {**form, "lifetime": DEFAULT_LIFETIME})


@key_pages.post("/new")
def create(slug: str) -> ResponseReturnValue:
    """Make a key and render its secret, once: a page and not a redirect, for that reason."""
    access = load_workspace(slug, Permission.API_KEY_MANAGE)
    earlier = once.begun()
    if earlier is not None:
        return _again(access, earlier)
    form: dict[str, Any] = {
        "name": request.form.get("name", ""),
        "scopes": request.form.getlist("scope"),
        "lifetime": request.form.get("lifetime", DEFAULT_LIFETIME),
        "networks": request.form.get("networks", ""),
    }
    try:
        made = key_making.create(
            db.session(),
            acting_member(access),
            name=form["name"],
            scopes=_scopes(form["scopes"]),
            expires_at=_expiry(form["lifetime"]),
            networks=parse_networks(form["networks"]),
            number=once.number_of_token(),
        )
    except Invalid as error:
        db.session.rollback()
        return _form(access, form, error=str(error)), error.status
    once.made(f"/w/{access.slug}/api-keys#{made.key.id}")
    db.session.commit()
    return _page(access, made)


def _again(access: WorkspaceAccess, earlier: SentForm) -> ResponseReturnValue:
    """Render the key that the same form has made already; without its secret a moment later."""
    made = once.key_again(earlier, access.id)
    if made is None:
        list_url = (earlier.address or "").partition("#")[0]
        return redirect(list_url or f"/w/{access.slug}/api-keys", 303)
    return _page(access, made)


@key_pages.post("/<uuid:key_id>/revoke")
@acts_once
def revoke(slug: str, key_id: UUID) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.API_KEY_MANAGE)
    back = f"/w/{access.slug}/api-keys"
    if "confirmed" not in request.form:
        key = key_list.find_key(db.session(), access.id, key_id)
        return render_template(
            "workspaces/confirm.html",
            title=f"Revoke {key.name}?",
            words="The next request with it is refused. It cannot be undone.",
            action=request.path,
            fields={},
            button="Revoke",
            back=back,
        )
    key_list.revoke(db.session(), acting_member(access), key_id)
    db.session.commit()
    return redirect(back, 303)


def _scopes(names: list[str]) -> frozenset[ApiScope]:
    try:
        return frozenset(map(ApiScope, names))
    except ValueError:
        raise Invalid("A scope is events:write, events:read or exports.") from None


def _expiry(lifetime: str) -> datetime | None:
    if lifetime not in LIFETIMES:
        raise Invalid("A key lives for 30 days, 90 days, 1 year, or until it is revoked.")
    return datetime.now(UTC) + timedelta(days=int(lifetime)) if lifetime else None


def _page(access: WorkspaceAccess, made: NewKey | None = None) -> str:
    return render_template(
        "api_keys/list.html",
        workspace=access,
        keys=key_list.list_keys(db.session(), access.id),
        made=made,
    )


def _form(access: WorkspaceAccess, form: dict[str, Any], error: str | None = None) -> str:
    return render_template(
        "api_keys/new.html",
        workspace=access,
        form=form,
        lifetimes=LIFETIMES,
        error=error,
    )
