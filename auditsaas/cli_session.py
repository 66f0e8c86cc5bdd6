"""Session, operator and error messages of the operator's commands."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from psycopg import errors as postgres
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.db import pools, tenancy, tickets
from auditsaas.db.tenancy import Scope
from auditsaas.errors import DomainError
from auditsaas.events.schema import ActorInput
from auditsaas.workspaces.models import Workspace
from auditsaas.workspaces.service import find_workspace
from config.errors import SettingsError
from config.settings import Settings
from config.start import load

DONE, PARTLY_REFUSED, NOT_DONE = 0, 1, 2


class Refusal(click.ClickException):
    """Nothing was done, for a reason the operator can act on."""

    exit_code = NOT_DONE


@contextmanager
def open_session(settings: Settings | None = None, *, as_owner: bool = False) -> Iterator[Session]:
    """Open a session of the app role, or the owner, without a statement timeout.

    The command commits.
    """
    settings = settings or load()
    tickets.sign_with(settings.secret_key)
    url = settings.owner_url if as_owner else settings.database_url
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


def operator() -> ActorInput:
    """Build the actor of a command: the account on this machine."""
    try:
        account = getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        account = "unknown"
    return own_actions.operator(account)


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Turn what an operator can act on into one sentence and exit code 2, never a traceback."""
    try:
        yield
    except (SettingsError, DomainError) as error:
        raise Refusal(str(error)) from error
    except DBAPIError as error:
        if isinstance(error.orig, postgres.UndefinedTable):
            raise Refusal("The database has no tables yet. Run: auditsaas db upgrade") from error
        if isinstance(error, OperationalError):
            cause = str(error.orig).strip().splitlines()[-1]
            raise Refusal(f"The database cannot be used: {cause}") from error
        raise
