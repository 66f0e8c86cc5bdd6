"""Ends what earlier tests left waiting, which no worker of theirs takes."""

from __future__ import annotations

from sqlalchemy import Engine, text


def end_all_mails(owner_engine: Engine) -> None:
    """Remove the waiting mails of earlier tests, which every sweep would send again."""
    _remove(owner_engine, "mails", "state = 'waiting'")


def end_all_looks(owner_engine: Engine) -> None:
    """Remove the looks of earlier tests, some of which no request made."""
    _remove(owner_engine, "platform_looks", "true")


def end_all_sealed(owner_engine: Engine) -> None:
    """Remove what earlier tests sealed, some of it under no key at all."""
    with owner_engine.begin() as connection:
        for table in ("sealed_links", "anchor_secrets", "witness_keys", "erasure_keys"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        connection.execute(
            text(
                "UPDATE users SET totp_secret = NULL, totp_confirmed_at = NULL,"
                " totp_last_step = NULL WHERE totp_secret IS NOT NULL"
            )
        )


def end_all_findings(owner_engine: Engine) -> None:
    """Remove what the checks of earlier tests found in logs that they damaged."""
    _remove(owner_engine, "tree_findings", "true")


def _remove(owner_engine: Engine, table: str, which: str) -> None:
    with owner_engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"))
        connection.execute(text(f"DELETE FROM {table} WHERE {which}"))  # noqa: S608
        connection.execute(text(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"))
