"""Refuses unsafe settings in production, one sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

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
SECRETS: Final = (*DATABASES, REPLICA, "REDIS_URL", "SECRET_KEY", "SMTP_URL", "METRICS_TOKEN")
SHORTEST_SECRET: Final = 32
FEWEST_CHARACTERS: Final = 10


def refusal(environ: Mapping[str, str]) -> str | None:
    """Return why production must not start with these settings, or None."""
    return (
        _missing(environ)
        or _placeholder(environ)
        or _weak_secret(environ["SECRET_KEY"])
        or _open_address(environ["BASE_URL"])
        or _shared_role(environ)
        or _reachable_metrics(environ.get("METRICS_TOKEN", ""))
    )


def _missing(environ: Mapping[str, str]) -> str | None:
    name = next((name for name in REQUIRED if not environ.get(name)), None)
    return name and f"{name} must be set in production."


def _placeholder(environ: Mapping[str, str]) -> str | None:
    name = next((name for name in SECRETS if PLACEHOLDER in environ.get(name, "")), None)
    return name and f"{name} still holds {PLACEHOLDER}, which stands for a secret of your own."


def _weak_secret(secret: str) -> str | None:
    if len(secret) < SHORTEST_SECRET:
        return f"SECRET_KEY must have at least {SHORTEST_SECRET} characters in production."
    if len(set(secret)) < FEWEST_CHARACTERS:
        return "SECRET_KEY repeats a few characters; make it with: openssl rand -hex 32"
    return None


def _open_address(base_url: str) -> str | None:
    parts = urlsplit(base_url)
    if parts.scheme != "https":
        return "BASE_URL must start with https:// in production."
    if not parts.hostname or parts.path not in ("", "/") or parts.query:
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


def _reachable_metrics(token: str) -> str | None:
    if token and len(token) < 16:
        return "METRICS_TOKEN must have at least 16 characters in production."
    return None
