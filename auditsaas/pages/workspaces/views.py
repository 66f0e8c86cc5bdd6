"""The pages where an admin looks after a workspace, and the one where people join it."""

from __future__ import annotations

from flask import Flask

from auditsaas.pages.workspaces.access_views import access_pages
from auditsaas.pages.workspaces.invitation_views import invitation_pages
from auditsaas.pages.workspaces.key_views import key_pages
from auditsaas.pages.workspaces.member_views import member_pages
from auditsaas.pages.workspaces.settings_views import settings_pages
from auditsaas.pages.workspaces.usage_views import usage_pages


def install(app: Flask) -> None:
    for blueprint in (member_pages, invitation_pages, key_pages):
        app.register_blueprint(blueprint)
    for blueprint in (settings_pages, usage_pages, access_pages):
        app.register_blueprint(blueprint)
