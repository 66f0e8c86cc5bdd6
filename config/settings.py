"""Settings, read once from the environment; nothing else reads ``os.environ``."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from config import refusals


class SettingsError(Exception):
    """A setting is missing or cannot be used; the message is one sentence for the operator."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that differs between two installations.

    The three database URLs are one database seen by three roles: ``database_url`` by the app role,
    ``platform_database_url`` by the read-only super-admin role, ``migration_database_url`` by the
    owner of the tables.
    """

    database_url: str
    platform_database_url: str
    migration_database_url: str
    redis_url: str
    secret_key: str
    data_dir: Path
    base_url: str = "http://127.0.0.1:8000"
    storage_url: str
    smtp_url: str | None = None
    mail_from: str = "auditsaas@localhost"
    brand_name: str = "AuditSaaS"
    trusted_proxies: int = 0
    pdf_rows: int = 50_000
    """More than these are refused as a PDF, which takes long to make and longer to read."""
    production: bool = False
    metrics_token: str | None = None
    replica_database_url: str | None = None
    """A streaming replica of the database, as the app role; pages and exports are read there."""
    transaction_pooling: bool = False
    """Whether a pooler between us and PostgreSQL gives each transaction another connection."""

    @property
    def secure_cookies(self) -> bool:
        """Plain HTTP is allowed only where browsers treat it as trustworthy: on loopback."""
        return urlsplit(self.base_url).scheme == "https"


REQUIRED_IN_PRODUCTION = refusals.REQUIRED
SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"  # the name that prometheus-client reads


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from ``environ``; unset databases mean the embedded ones, which are started.

    Raises:
        SettingsError: a value is unusable, or production lacks one it needs.
    """
    production = refuse_unsafe(environ)
    data_dir = data_folder(environ)
    database = _database_urls(environ, data_dir)
    redis_url = environ.get("REDIS_URL")
    if not redis_url:
        from config import embedded

        redis_url = embedded.start_redis(data_dir)
    base_url = environ.get("BASE_URL") or f"http://127.0.0.1:{port(environ)}"
    return Settings(
        database_url=database[0],
        platform_database_url=database[1],
        migration_database_url=database[2],
        redis_url=redis_url,
        secret_key=environ.get("SECRET_KEY") or _kept_secret(data_dir),
        data_dir=data_dir,
        base_url=base_url.rstrip("/"),
        storage_url=environ.get("STORAGE_URL") or (data_dir / "files").as_uri(),
        smtp_url=environ.get("SMTP_URL") or None,
        mail_from=environ.get("MAIL_FROM") or "auditsaas@localhost",
        brand_name=environ.get("BRAND_NAME") or "AuditSaaS",
        trusted_proxies=_whole_number(environ, "TRUSTED_PROXIES"),
        pdf_rows=_whole_number(environ, "PDF_ROWS", 50_000),
        production=production,
        metrics_token=environ.get("METRICS_TOKEN") or None,
        replica_database_url=_replica_url(environ),
        transaction_pooling=_whole_number(environ, "TRANSACTION_POOLING") > 0,
    )


def is_production(environ: Mapping[str, str] = os.environ) -> bool:
    return environ.get("AUDITSAAS_ENV", "") == "production"


def refuse_unsafe(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this is production; raises SettingsError when it must not start like that."""
    if not is_production(environ):
        return False
    sentence = refusals.refusal(environ)
    if sentence:
        raise SettingsError(sentence)
    return True


def data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """``DATA_DIR``, absolute; nothing is made or started."""
    return Path(environ.get("DATA_DIR") or "var").expanduser().resolve()


def share_metrics(folder: Path) -> None:
    """Let the processes that this one starts keep their figures in ``folder``, emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    os.environ[SHARED_METRICS] = str(folder)


def metrics_are_shared() -> bool:
    return SHARED_METRICS in os.environ


def port(environ: Mapping[str, str] = os.environ) -> int:
    """``PORT``, where the web server listens."""
    number = _whole_number(environ, "PORT", 8000)
    if not 0 < number < 65536:
        raise SettingsError(f"PORT must be between 1 and 65535, not {number}.")
    return number


def _database_urls(environ: Mapping[str, str], data_dir: Path) -> tuple[str, str, str]:
    names = ("DATABASE_URL", "PLATFORM_DATABASE_URL", "MIGRATION_DATABASE_URL")
    given = [name for name in names if environ.get(name)]
    if not given:
        from config import embedded

        urls = embedded.start_postgres(data_dir)
        return urls.app, urls.platform, urls.owner
    missing = [name for name in names if name not in given]
    if missing:
        raise SettingsError(
            f"{given[0]} is set but {missing[0]} is not; the three roles need a URL each."
        )
    app, platform, owner = (_psycopg_url(name, environ[name]) for name in names)
    return app, platform, owner


def _replica_url(environ: Mapping[str, str]) -> str | None:
    url = environ.get("REPLICA_DATABASE_URL")
    return _psycopg_url("REPLICA_DATABASE_URL", url) if url else None


def _psycopg_url(name: str, url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise SettingsError(f"{name} must start with postgresql://.")
    return f"postgresql+psycopg://{rest}"


def _whole_number(environ: Mapping[str, str], name: str, default: int = 0) -> int:
    text = environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit():
        raise SettingsError(f"{name} must be a whole number, not {text!r}.")
    return int(text)


def _kept_secret(data_dir: Path) -> str:
    """The demo's own key: made once, readable by its owner only, never a default that ships."""
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
