"""``make walls``: write what the migrations make of policies, rights and functions.

Into ``migrations/walls.json``, from a new database, for the doctor to compare others with.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from auditsaas.db.pools import make_engine
from auditsaas.operations import upgrade, walls
from auditsaas.operations.upgrade import Roles
from config import embedded
from config.settings import Settings


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="auditsaas-walls-"))
    try:
        made = written(_migrated(folder))
    finally:
        embedded.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)
    walls.KEPT.write_text(made)


def written(settings: Settings) -> str:
    """Return the text of the file, as this database has it."""
    roles = asdict(Roles.of(settings))
    engine = make_engine(settings.database_url)
    with engine.connect() as connection:
        found = walls.read(connection, roles)
    engine.dispose()
    return json.dumps(asdict(found), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _migrated(folder: Path) -> Settings:
    urls = embedded.start_postgres(folder)
    settings = Settings(
        database_url=urls.app,
        platform_database_url=urls.platform,
        migration_database_url=urls.owner,
        redis_url="redis://127.0.0.1:1",
        secret_key=secrets.token_urlsafe(48),
        data_dir=folder,
        storage_url=folder.as_uri(),
    )
    upgrade.upgrade(settings)
    return settings


if __name__ == "__main__":
    main()
