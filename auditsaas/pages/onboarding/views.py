"""The first key of a workspace, the wait for its first event, and the list of first steps."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template
from flask.typing import ResponseReturnValue

from auditsaas import current_request
from auditsaas.access import once
from auditsaas.access.loaders import WorkspaceAccess, acting_member, load_workspace
from auditsaas.access.once import acts_once
from auditsaas.extensions import db
from auditsaas.first_run import begun, setting_up
from auditsaas.first_run.steps import hide
from auditsaas.pages.onboarding import page
from auditsaas.permissions import Permission

onboarding = Blueprint("onboarding", __name__, url_prefix="/w/<slug>")


@onboarding.get("/first-key")
def lead_to_log(slug: str) -> ResponseReturnValue:
    """Lead on who reloads the page of a key that was shown."""
    return redirect(_log_of(load_workspace(slug, Permission.API_KEY_MANAGE)), 303)


@onboarding.post("/first-key")
def make_key(slug: str) -> ResponseReturnValue:
    """Make a key and render its secret, once: a page and not a redirect, for that reason."""
    access = load_workspace(slug, Permission.API_KEY_MANAGE)
    earlier = once.begun()
    if earlier is not None:
        again = once.key_again(earlier, access.id)
        return page.render(access, again.secret) if again else redirect(_log_of(access), 303)
    number = once.number_of_token()
    made = setting_up.make_first_key(db.session(), acting_member(access), number)
    once.made(f"/w/{access.slug}/api-keys#{made.key.id}")
    db.session.commit()
    return page.render(access, made.secret)


@onboarding.get("/first-event")
def first_event(slug: str) -> ResponseReturnValue:
    """Render the waiting line; lead to the log once it has begun.

    By a whole page: the log brings scripts of its own, which no swap would load.
    """
    access = load_workspace(slug, Permission.API_KEY_MANAGE)
    if begun.has_begun(db.session(), access.id):
        if current_request.is_htmx():
            return Response(status=204, headers={"HX-Redirect": _log_of(access)})
        return redirect(_log_of(access), 303)
    refusal = page.last_refusal(db.session(), access)
    return render_template("onboarding/_waiting.html", workspace=access, refusal=refusal)


@onboarding.post("/first-steps/hide")
@acts_once
def hide_steps(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.API_KEY_MANAGE, recent=False)
    hide(db.session(), acting_member(access))
    db.session.commit()
    return redirect(_log_of(access), 303)


def _log_of(access: WorkspaceAccess) -> str:
    return f"/w/{access.slug}/audit-logs"
