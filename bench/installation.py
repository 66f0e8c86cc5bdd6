"""The product with an empty database of its own, for one measurement."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from auditsaas.app import create_app
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.extensions import db
from auditsaas.operations import upgrade
from auditsaas.permissions import ApiScope
from auditsaas.workspaces import api_keys, service
from config import embedded, start
from config.settings import Settings


@dataclass(frozen=True)
class Opened:
    """A workspace, and the secret of a key to it that may do everything."""

    workspace: UUID
    slug: str
    key: str


@contextmanager
def installation(name: str) -> Iterator[Settings]:
    """Settings of a migrated installation below a temporary folder, which goes with it."""
    folder = Path(tempfile.mkdtemp(prefix=f"auditsaas-{name}-"))
    try:
        environ = {"DATA_DIR": str(folder), "STORAGE_URL": (folder / "files").as_uri()}
        settings = start.load(start.demo(environ))
        upgrade.upgrade(settings)
        yield settings
    finally:
        embedded.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


def open_workspaces(settings: Settings, count: int = 1) -> list[Opened]:
    made = []
    with create_app(settings).app_context():
        session = db.session()
        for number in range(count):
            workspace = service.create_workspace(session, f"Bench {number}")
            tenancy.bind(Scope.of(workspace.id), session)
            key = api_keys.create_api_key(
                session, workspace.id, name="Bench", scopes=frozenset(ApiScope)
            )
            made.append(Opened(workspace.id, workspace.slug, key.secret))
            session.commit()
        db.engine.dispose()
    return made
