"""Fixtures of the Python client's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from auditsaas_client import AuditLog
from sqlalchemy import Engine, Row, select

from auditsaas.events.models import events
from auditsaas.permissions import ApiScope
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.sdk.loopback import Loopback, loopback
from tests.support.factories import make_api_key, scoped
from tests.support.serving import WebProcess

KEY = "aud_test"


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as made:
        yield made


@pytest.fixture
def spill(tmp_path: Path) -> Path:
    return tmp_path / "spill"


@pytest.fixture
def open_log() -> Iterator[Callable[..., AuditLog]]:
    """Makes logs, and closes those that the test leaves open."""
    made: list[AuditLog] = []

    def make(url: str, key: str = KEY, **options: Any) -> AuditLog:
        made.append(AuditLog(url, key, **options))
        return made[-1]

    yield make
    for log in made:
        log.close(timeout=0.1)


@pytest.fixture(scope="session")
def product_process(settings: Settings, engine: Engine, data_dir: Path) -> Iterator[WebProcess]:
    web = WebProcess(settings, data_dir / "product.log")
    yield web
    web.kill()


@pytest.fixture
def product(product_process: WebProcess) -> WebProcess:
    """The product itself, which a test may also kill."""
    product_process.start()
    return product_process


@pytest.fixture
def key(workspace: Workspace) -> str:
    return make_api_key(workspace, {ApiScope.EVENTS_WRITE})


@pytest.fixture
def stored(workspace: Workspace) -> Callable[[], list[Row[Any]]]:
    """Reads the workspace's events, oldest first."""

    def read() -> list[Row[Any]]:
        with scoped(workspace.id) as session:
            return list(session.execute(select(events).order_by(events.c.seq)))

    return read
