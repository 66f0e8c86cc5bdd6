"""One installation in the form of production, shared by the tests of this folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment.installation import Installation
from tests.deployment.nginx import Nginx
from tests.deployment.servers import PostgresServer, RedisServer
from tests.deployment.visitor import Visitor, is_ready
from tests.support.workers import eventually


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="auditsaas-deployment-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(folder: Path) -> Iterator[PostgresServer]:
    with PostgresServer(folder / "postgres") as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(folder: Path) -> Iterator[RedisServer]:
    with RedisServer(folder / "redis") as server:
        yield server


@pytest.fixture(scope="session")
def installation(
    folder: Path, postgres_server: PostgresServer, redis_server: RedisServer
) -> Iterator[Installation]:
    made = Installation(folder, postgres_server, redis_server)
    made.command("db", "upgrade")
    try:
        made.start()
        eventually(lambda: is_ready(made.port), "an installation that is ready")
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def nginx(folder: Path, installation: Installation) -> Iterator[Nginx]:
    with Nginx(folder / "nginx", installation.port) as made:
        yield made


@pytest.fixture
def visitor(nginx: Nginx) -> Visitor:
    return Visitor(nginx.port, tls=True)
