"""Credentials of the demo, kept in its data folder so that every start prints the same."""

from __future__ import annotations

import json
import os
import secrets
import string
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from config.errors import SettingsError

FILE_NAME = "demo.json"
PASSWORD_LENGTH = 20


@dataclass(frozen=True)
class Account:
    name: str
    email: str
    password: str


@dataclass(frozen=True)
class Filling:
    """The activity of this demo: what the first start set out to add, and whether it is all in."""

    events: int
    until: str
    """RFC 3339."""
    done: bool = False

    @property
    def until_time(self) -> datetime:
        return datetime.fromisoformat(self.until)


@dataclass(frozen=True)
class Credentials:
    admin: Account
    auditor: Account
    super_admin: Account
    api_key: str | None = None
    filling: Filling | None = None

    @classmethod
    def fresh(cls) -> Credentials:
        return cls(
            admin=Account("Maya Okonkwo", "maya.okonkwo@acme.example", _password()),
            auditor=Account("Grace Mbeki", "grace.mbeki@acme.example", _password()),
            super_admin=Account("Robin Castellanos", "robin@operator.example", _password()),
        )


def load(data_dir: Path) -> Credentials:
    """Load the credentials of an earlier start, or create new ones, not stored yet.

    Raises:
        SettingsError: the file is there but is not the demo's.
    """
    path = data_dir / FILE_NAME
    try:
        kept: dict[str, Any] = json.loads(path.read_text())
        filling = kept["filling"]
        return Credentials(
            admin=Account(**kept["admin"]),
            auditor=Account(**kept["auditor"]),
            super_admin=Account(**kept["super_admin"]),
            api_key=kept["api_key"],
            filling=Filling(**filling) if filling else None,
        )
    except FileNotFoundError:
        return Credentials.fresh()
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise SettingsError(
            f"{path} cannot be read as the demo's sign-ins. Move it away to get new ones."
        ) from error


def keep(data_dir: Path, credentials: Credentials) -> None:
    """Write the file, readable by its owner only, whole or not at all."""
    path = data_dir / FILE_NAME
    draft = path.with_suffix(".tmp")
    draft.unlink(missing_ok=True)
    data_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(credentials), file, indent=2)
    draft.replace(path)


def with_filling_done(credentials: Credentials) -> Credentials:
    if credentials.filling is None:
        return credentials
    return replace(credentials, filling=replace(credentials.filling, done=True))


def _password() -> str:
    alphabet = string.ascii_letters + string.digits
    return "".join(secrets.choice(alphabet) for _ in range(PASSWORD_LENGTH))
