"""Refuses a database whose encoding is not UTF8.

One made on a server without a locale inherits SQL_ASCII: PostgreSQL then neither checks nor knows
letters, and its driver hands over bytes in the place of text.
"""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import Engine, event

from config.errors import SettingsError

NEEDED = "UTF8"
MADE_BY = "CREATE DATABASE … OWNER … ENCODING 'UTF8' TEMPLATE template0;"


class WrongEncoding(SettingsError):
    """The database cannot hold every text."""

    def __init__(self, database: str, encoding: str) -> None:
        self.words = f"the database {database} has the encoding {encoding}, not {NEEDED}"
        self.remedy = f"As PostgreSQL's superuser, make another by: {MADE_BY}"
        super().__init__(f"{self.words[0].upper()}{self.words[1:]}: make another by {MADE_BY}")


def refuse_other(engine: Engine) -> None:
    """Refuse each new connection of an engine to a database of another encoding.

    Raises:
        WrongEncoding: where something connects, before SQLAlchemy reads the server's version.
    """
    event.listen(engine, "connect", _check, insert=True)


def _check(connection: psycopg.Connection[Any], _record: object) -> None:
    # A pooler that has no connection of its own yet does not know it.
    found = connection.info.parameter_status("server_encoding") or NEEDED
    if found != NEEDED:
        raise WrongEncoding(connection.info.dbname, found)
