"""Settings of an installation that may need the embedded engines, which are started for it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from config import settings
from config.errors import SettingsError
from config.settings import Settings

DEMO: Final = "demo"
"""The value of ``AUDITSAAS_ENV`` that lets a process start the embedded engines."""


def demo(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return ``environ`` with leave to start the embedded engines, unless it is a production's."""
    return environ if settings.is_production(environ) else {**environ, "AUDITSAAS_ENV": DEMO}


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read settings; where no server or secret is named, join the embedded ones.

    They are started for a demo only, so that what an operator forgot to set ends in words, and
    not in a database of its own.

    Raises:
        SettingsError: a value is missing or unusable, or the data folder is.
    """
    environ = settings.environment() if environ is None else environ
    settings.refuse_unsafe(environ)
    data_dir = settings.data_folder(environ)
    return settings.load({**environ, **_embedded(environ, data_dir)})


def _embedded(environ: Mapping[str, str], data_dir: Path) -> dict[str, str]:
    from config import embedded  # late: an installation with servers of its own never needs it

    found: dict[str, str] = {}
    told = environ.get("AUDITSAAS_ENV") == DEMO
    if not settings.has_database(environ):
        _refuse_to_start("DATABASE_URL", data_dir, leave=told or embedded.has_postgres(data_dir))
        urls = embedded.start_postgres(data_dir)
        found |= dict(zip(settings.DATABASES, (urls.app, urls.platform, urls.owner), strict=True))
    if not environ.get("REDIS_URL"):
        _refuse_to_start("REDIS_URL", data_dir, leave=told or embedded.has_redis(data_dir))
        found["REDIS_URL"] = embedded.start_redis(data_dir)
    if not environ.get("SECRET_KEY"):
        found["SECRET_KEY"] = _kept_secret(data_dir)
    return found


def _refuse_to_start(name: str, data_dir: Path, *, leave: bool) -> None:
    if not leave:
        raise SettingsError(
            f"{name} is not set. Name the server, or say AUDITSAAS_ENV=demo"
            f" to start the demo's own in {data_dir}."
        )


def _kept_secret(data_dir: Path) -> str:
    """Make the demo's own key once, readable by its owner only, never a default that ships."""
    path = data_dir / "secret_key"
    unfinished = data_dir / f"secret_key.{secrets.token_hex(8)}"
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
            # A link appears whole or not at all, and only one of two that start at once makes it.
            with suppress(FileExistsError):
                os.link(unfinished, path)
            unfinished.unlink()
        return path.read_text()
    except OSError as error:
        raise SettingsError(
            f"The data folder {data_dir} cannot be used: {error.strerror}."
        ) from error
