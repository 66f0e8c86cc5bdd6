"""Session and operator of the operator's commands."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from sqlalchemy.orm import Session

from auditsaas.accounts.models import User
from auditsaas.accounts.service import find_by_email
from auditsaas.cli_errors import Refusal
from auditsaas.db import pools, tenancy, tickets
from auditsaas.db.tenancy import Scope
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.own_actions import Operator
from auditsaas.workspaces.models import Workspace
from auditsaas.workspaces.service import find_workspace
from config.settings import Settings
from config.start import load


@contextmanager
def open_session(
    settings: Settings | None = None, *, as_owner: bool = False, as_platform: bool = False
) -> Iterator[Session]:
    """Open a session of the app role, or of another, without a statement timeout.

    The command commits.
    """
    settings = settings or load()
    tickets.sign_with(settings.secret_key)
    url = settings.platform_database_url if as_platform else settings.database_url
    if as_owner:
        url = settings.owner_url
    # Migrations lock, so the owner's URL names the server itself.
    pooled = settings.transaction_pooling and not as_owner
    options: dict[str, Any] = pools.engine_options(url, 0, transaction_pooling=pooled)
    engine = pools.make_engine(**options)
    if pooled:
        pools.settle_each_transaction(engine, 0)
    try:
        with Session(engine, expire_on_commit=False) as session:
            yield session
    finally:
        engine.dispose()


def workspace_called(session: Session, slug: str) -> Workspace:
    """Find a workspace and bind it as the session's scope; raise Refusal if there is none."""
    workspace = find_workspace(session, slug)
    if workspace is None:
        raise Refusal(f"There is no workspace {slug}.")
    tenancy.bind(Scope.of(workspace.id), session)
    return workspace


def tenant_called(session: Session, slug: str) -> Workspace:
    """Find and bind a workspace that people and keys may belong to; raise Refusal for others."""
    workspace = workspace_called(session, slug)
    if workspace.id == SYSTEM_WORKSPACE_ID:
        raise Refusal("The log of the installation has no members, no keys, and is always there.")
    return workspace


def person_called(session: Session, email: str) -> User:
    """Find a person by their address; raise Refusal if there is none."""
    user = find_by_email(session, email)
    if user is None:
        raise Refusal(f"Nobody has an account with the address {email}.")
    return user


def operator() -> Operator:
    """Build who acts: the account on this machine, and the command it runs."""
    try:
        account = getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        account = "unknown"
    context = click.get_current_context(silent=True)
    names: list[str] = []
    while context is not None and context.parent is not None:
        names.insert(0, context.info_name or "")
        context = context.parent
    return Operator(account=account, command=" ".join(["auditsaas", *names]))
