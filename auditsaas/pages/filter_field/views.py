"""The filter field, which asks for itself again as its filter changes."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from auditsaas.current_request import is_partial
from auditsaas.extensions import db
from auditsaas.pages.audit_log import log_scope
from auditsaas.pages.audit_log.log_scope import LogScope
from auditsaas.pages.filter_field import typed as filter_typed
from auditsaas.pages.filter_field.field import show
from auditsaas.workspaces.former_slugs import former_slugs_of

filter_field = Blueprint("filter_field", __name__)


@filter_field.post("/w/<slug>/filter-field")
def refresh(slug: str) -> ResponseReturnValue:
    """Render what the controls say: posted, as forms are, so that nothing of it is an address."""
    scope = log_scope.load(slug)
    if not is_partial():
        return redirect(scope.base_url, 303)
    typed = filter_typed.of_form(request.form, queries(scope), slugs(scope))
    field = show(scope, typed, finds=request.form, counted=True)
    page = render_template("filter_field/_inner.html", field=field)
    return page, 422 if typed.problems else 200


def queries(scope: LogScope) -> dict[str, str]:
    """List the saved views that may be chosen, by their id."""
    return {str(view.id): view.query for view in scope.offered.views}


def slugs(scope: LogScope) -> list[str]:
    """List the workspace's slugs, that of today first."""
    workspace = scope.workspaces[0]
    return [workspace.slug, *former_slugs_of(db.session(), workspace.id)]
