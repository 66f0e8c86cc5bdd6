"""``make shell``: a Python prompt inside the application, with its session and its tables.

``bind("acme")`` makes the session see one workspace; until then row-level security
shows it nothing.
"""

from __future__ import annotations

from sqlalchemy import func, select, text

from auditsaas.accounts.models import User
from auditsaas.app import create_app
from auditsaas.cli_session import workspace_called
from auditsaas.events.models import events
from auditsaas.extensions import db
from auditsaas.workspaces.models import Workspace

app = create_app()


def bind(slug: str) -> Workspace:
    """Show the session the rows of one workspace; return the workspace."""
    return workspace_called(db.session(), slug)


@app.shell_context_processor
def names() -> dict[str, object]:
    return {
        "User": User,
        "Workspace": Workspace,
        "bind": bind,
        "db": db,
        "events": events,
        "func": func,
        "select": select,
        "session": db.session(),
        "text": text,
    }
