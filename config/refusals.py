"""Refuses unsafe settings in production, one sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from config import networks, strength

REQUIRED: Final = (
    "DATABASE_URL",
    "PLATFORM_DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "BASE_URL",
    "STORAGE_URL",
)
PLACEHOLDER: Final = "replace-me"
"""The placeholder of secrets in ``.env.example``."""

OWNER: Final = "MIGRATION_DATABASE_URL"
DATABASES: Final = (*REQUIRED[:2], OWNER)
REPLICA: Final = "REPLICA_DATABASE_URL"
SECRETS: Final = (
    *(*DATABASES, REPLICA, "REDIS_URL", "SECRET_KEY", "SECRET_KEY_FALLBACKS"),
    *("SMTP_URL", "METRICS_TOKEN"),
)
SHORTEST: Final = {"SECRET_KEY": 32, "METRICS_TOKEN": 16}
BITS: Final = {"SECRET_KEY": 60, "METRICS_TOKEN": 20}
"""The least that a random secret of the shortest length shows, whatever it is written in."""


def refusal(environ: Mapping[str, str]) -> str | None:
    """Return why production must not start with these settings, or None."""
    return (
        _missing(environ)
        or _placeholder(environ)
        or _weak_secret("SECRET_KEY", environ["SECRET_KEY"])
        or _open_address(environ["BASE_URL"])
        or _shared_role(environ)
        or _weak_secret("METRICS_TOKEN", environ.get("METRICS_TOKEN", ""))
        or networks.plain_database(environ, [*DATABASES, REPLICA])
        or networks.open_redis(environ)
        or networks.caught_mail(environ)
    )


def _missing(environ: Mapping[str, str]) -> str | None:
    name = next((name for name in REQUIRED if not environ.get(name)), None)
    return name and f"{name} must be set in production."


def _placeholder(environ: Mapping[str, str]) -> str | None:
    name = next((name for name in SECRETS if PLACEHOLDER in environ.get(name, "")), None)
    return name and f"{name} still holds {PLACEHOLDER}, which stands for a secret of your own."


def _weak_secret(name: str, secret: str) -> str | None:
    if not secret:
        return None
    if len(secret) < SHORTEST[name]:
        return f"{name} must have at least {SHORTEST[name]} characters in production."
    found = strength.weakness(secret, BITS[name])
    if found is None:
        return None
    kept = "; the one before goes into SECRET_KEY_FALLBACKS" if name == "SECRET_KEY" else ""
    return f"{name} {found}; make it with: openssl rand -hex 32{kept}"


def _open_address(base_url: str) -> str | None:
    try:
        parts = urlsplit(base_url)
        host, secret = parts.hostname, parts.username or parts.password
    except ValueError:
        return "BASE_URL must be an address, such as https://audit.example.com."
    if parts.scheme != "https":
        return "BASE_URL must start with https:// in production."
    if secret or "@" in parts.netloc:
        return "BASE_URL must hold no user and no password: everybody sees it. Take them out."
    if not host or parts.path not in ("", "/") or parts.query:
        return "BASE_URL must be an address without a path, such as https://audit.example.com."
    return None


def _shared_role(environ: Mapping[str, str]) -> str | None:
    roles: dict[str, str] = {}
    for name in DATABASES:
        if name == OWNER and not environ.get(name):
            continue  # only migrations and the maintenance worker know it
        role = _username(environ[name])
        if not role:
            return f"{name} must name the role it connects as."
        if role in roles:
            return f"{name} must name a role of its own, not that of {roles[role]}."
        roles[role] = name
    if environ.get(REPLICA) and _username(environ[REPLICA]) != _username(environ[DATABASES[0]]):
        return f"{REPLICA} must name the role of {DATABASES[0]}."
    return None


def _username(url: str) -> str | None:
    try:
        return urlsplit(url).username
    except ValueError:
        return None
