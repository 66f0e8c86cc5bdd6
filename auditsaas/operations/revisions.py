"""The revisions of the schema that this version knows, read when a process starts.

Not when they are asked for: by then the files of another version may lie in their place.
"""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text

MIGRATIONS: Final = Path(__file__).resolve().parents[2] / "migrations"

_REVISION = re.compile(r'^revision = "(\w+)"$', re.MULTILINE)
_FILES = sorted((MIGRATIONS / "versions").glob("[0-9]*.py"))

KNOWN: Final = tuple(found[1] for path in _FILES if (found := _REVISION.search(path.read_text())))
"""The oldest first, as the files are numbered."""
HEAD: Final = KNOWN[-1]
"""The revision that this version needs."""

_TABLE = text("SELECT to_regclass('alembic_version')")
_VERSION = text("SELECT version_num FROM alembic_version")


class Standing(Enum):
    """The database's schema beside this version of the code."""

    OLDER = "older"
    SAME = "same"
    NEWER = "newer"
    """A later version migrated it; it serves this one as well."""


def of(connection: Connection) -> str | None:
    """Return the database's revision; None where nothing was migrated yet."""
    if connection.scalar(_TABLE) is None:
        return None
    found: str | None = connection.scalar(_VERSION)
    return found


def standing(revision: str | None) -> Standing:
    """Compare a database's revision with ``HEAD``; an unknown one is of a later version."""
    if revision == HEAD:
        return Standing.SAME
    return Standing.OLDER if revision is None or revision in KNOWN else Standing.NEWER
