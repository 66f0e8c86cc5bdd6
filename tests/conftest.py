"""What all tests share: a real PostgreSQL and Redis, migrated once for the run.

Tests commit, as the product does. They do not clean up either: each makes its own workspaces and
people through ``tests.support.factories``.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck
from sqlalchemy import URL, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.orm import Session

from auditsaas.accounts.models import User
from auditsaas.db import tickets
from auditsaas.operations import upgrade
from auditsaas.workspaces.models import Workspace
from config import embedded
from config.settings import Settings
from tests.support import factories, sealing
from tests.support.cases import FEW, MANY
from tests.support.markup import PageClient

Flask.test_client_class = PageClient

# How long a case takes is a matter of the machine. A fixture is made once for all cases, which add
# to the log but need no empty one.
for _name, _number in (("few", FEW), ("many", MANY)):
    hypothesis.settings.register_profile(
        _name,
        max_examples=_number,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
hypothesis.settings.load_profile("few")

OWN_SECRET = pytest.StashKey[str]()
"""What scopes of the run's own installation are signed by."""

LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(scope="session")
def data_dir() -> Iterator[Path]:
    # Not pytest's own folder: a path of a Unix socket holds at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="auditsaas-test-"))
    yield folder
    embedded.stop(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def database_urls(data_dir: Path) -> Iterator[embedded.DatabaseUrls]:
    """An empty database and its three roles: on ``TEST_DATABASE_URL``'s server, or embedded."""
    server = os.environ.get("TEST_DATABASE_URL")
    if not server:
        yield embedded.start_postgres(data_dir)
        return
    with _own_database(make_url(server).set(drivername="postgresql+psycopg")) as urls:
        yield urls


@pytest.fixture(scope="session")
def settings(
    request: pytest.FixtureRequest, database_urls: embedded.DatabaseUrls, data_dir: Path
) -> Settings:
    made = Settings(
        database_url=database_urls.app,
        platform_database_url=database_urls.platform,
        migration_database_url=database_urls.owner,
        redis_url=os.environ.get("TEST_REDIS_URL") or embedded.start_redis(data_dir),
        secret_key=secrets.token_urlsafe(48),
        data_dir=data_dir,
        storage_url=(data_dir / "files").as_uri(),
    )
    upgrade.upgrade(made)
    tickets.sign_with(made.secret_key)
    request.config.stash[OWN_SECRET] = made.secret_key
    sealing.seal_as(made)
    return made


@pytest.fixture(autouse=True, scope="module")
def _signed_by_own_secret_after(request: pytest.FixtureRequest) -> Iterator[None]:
    """Scopes of the next file's fixtures are signed for the run's own installation."""
    yield
    if OWN_SECRET in request.config.stash:
        tickets.sign_with(request.config.stash[OWN_SECRET])


@pytest.fixture(scope="session")
def engine(settings: Settings) -> Iterator[Engine]:
    """Connections of the app role, bound to the sessions of ``tests.support.factories``."""
    made = create_engine(settings.database_url, connect_args={"options": "-c timezone=UTC"})
    factories.Sessions.configure(bind=made)
    owner = create_engine(settings.owner_url, poolclass=NullPool)
    factories.OwnerSessions.configure(bind=owner)
    yield made
    made.dispose()


@pytest.fixture(autouse=True)
def _factories_bound_on_request(request: pytest.FixtureRequest) -> Iterator[None]:
    """The factories have a database only where a test or its fixtures ask for ``engine``.

    Else a test that forgets to ask would pass after others and fail alone.
    """
    bind = factories.Sessions.kw["bind"]
    if "engine" not in request.fixturenames:
        factories.Sessions.configure(bind=None)
    if "settings" in request.fixturenames:
        # A test of another installation signed scopes by that one's secret.
        tickets.sign_with(request.getfixturevalue("settings").secret_key)
    yield
    factories.Sessions.configure(bind=bind)


@pytest.fixture(scope="session")
def owner_engine(settings: Settings) -> Iterator[Engine]:
    """Connections of the tables' owner, for tests that break or look behind the walls."""
    made = create_engine(settings.owner_url)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def app(settings: Settings, engine: Engine) -> Flask:
    from auditsaas.app import create_app

    made = create_app(settings)
    made.testing = True
    return made


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser of its own, signed out; no application context is shared with it."""
    return app.test_client()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session of the app role without a scope; what is not committed is rolled back."""
    with factories.Sessions() as made:
        yield made


@pytest.fixture
def workspace(engine: Engine) -> Workspace:
    """A workspace without events; a file whose tests want some makes its own."""
    return factories.make_workspace()


@pytest.fixture
def admin(workspace: Workspace) -> User:
    """An admin of the workspace, signed in nowhere."""
    return factories.make_member(workspace)


@pytest.fixture
def queries() -> Iterator[list[str]]:
    """The statements that ran during the test, in order."""
    ran: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        ran.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield ran
    event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Iterator[None]:
    """Tests cannot reach another machine: a connection to one fails at once."""
    patch = pytest.MonkeyPatch()
    for name in ("connect", "connect_ex"):
        patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
    yield
    patch.undo()


def _guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
            raise RuntimeError(f"a test tried to reach {address[0]}")
        return connect(self, address)

    return guarded


@contextmanager
def _own_database(server: URL) -> Iterator[embedded.DatabaseUrls]:
    """Create a database and three roles on a given server, dropped afterwards."""
    name, password = f"auditsaas_test_{secrets.token_hex(4)}", secrets.token_hex(16)
    roles = {kind: f"{name}_{kind}" for kind in ("app", "platform", "owner")}
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for role in roles.values():
            connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        connection.exec_driver_sql(f"GRANT {roles['owner']} TO CURRENT_USER")
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} OWNER {roles['owner']} ENCODING 'UTF8' TEMPLATE template0"
        )
    place = server.set(database=name, password=password)
    yield embedded.DatabaseUrls(
        **{
            kind: place.set(username=role).render_as_string(hide_password=False)
            for kind, role in roles.items()
        }
    )
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        for role in roles.values():
            connection.exec_driver_sql(f"DROP ROLE {role}")
    admin.dispose()
