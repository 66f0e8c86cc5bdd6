"""Ends what earlier tests left waiting, which no worker of theirs takes."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text


def end_all_mails(owner_engine: Engine) -> None:
    """Remove the waiting mails of earlier tests, which every sweep would send again."""
    _remove(owner_engine, "mails", "state = 'waiting'")


def end_all_looks(owner_engine: Engine) -> None:
    """Remove the looks of earlier tests, some of which no request made."""
    _remove(owner_engine, "platform_looks", "true")


def end_all_sealed(owner_engine: Engine) -> None:
    """Remove what earlier tests sealed, some of it under no key at all."""
    with owner_engine.begin() as connection:
        _bind_all(connection)
        connection.exec_driver_sql(
            "UPDATE tree_keys SET sealed = NULL, retired_at = coalesce(retired_at, now())"
            " WHERE sealed IS NOT NULL"
        )
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


def hold_all_words(owner_engine: Engine) -> None:
    """Let the dictionaries of the logs that there are wait for a day, as after a failure."""
    with owner_engine.begin() as connection:
        _bind_all(connection)
        connection.exec_driver_sql(
            "INSERT INTO word_heads (workspace_id, retry_at)"
            " SELECT id, now() + interval '1 day' FROM workspaces"
            " ON CONFLICT (workspace_id) DO UPDATE SET retry_at = excluded.retry_at"
        )


def settle_all_counts(owner_engine: Engine) -> None:
    """Count the events of earlier tests anew, some of which were changed behind their counts."""
    with owner_engine.begin() as connection:
        _bind_all(connection)
        for statement in SETTLED:
            connection.exec_driver_sql(statement)


SETTLED = (
    "DELETE FROM event_counts",
    "DELETE FROM event_days",
    (
        "INSERT INTO event_counts (workspace_id, hour, activity, method, status, n)"
        " SELECT workspace_id, date_trunc('hour', occurred_at, 'UTC'), activity,"
        " coalesce(method, ''), status, count(*) FROM events GROUP BY 1, 2, 3, 4, 5"
    ),
    (
        "INSERT INTO event_days (workspace_id, day, activity, method, status, n)"
        " SELECT workspace_id, date_trunc('day', hour, 'UTC'), activity, method, status, sum(n)"
        " FROM event_counts GROUP BY 1, 2, 3, 4, 5"
    ),
    (
        "UPDATE log_heads AS h SET seq = greatest(h.seq, e.last, e.n), removed = greatest("
        " h.seq, e.last, e.n) - e.n, days_counted = 2 * greatest(h.seq, e.last, e.n) - e.n"
        " FROM (SELECT l.workspace_id, count(e.seq) AS n, coalesce(max(e.seq), 0) AS last"
        "       FROM log_heads AS l LEFT JOIN events AS e USING (workspace_id) GROUP BY 1) AS e"
        " WHERE e.workspace_id = h.workspace_id"
    ),
    "DELETE FROM platform_marks",
    "DELETE FROM platform_heads",
    "DELETE FROM platform_totals",
    "DELETE FROM platform_days",
)


def _bind_all(connection: Connection) -> None:
    connection.exec_driver_sql(
        "SELECT set_config('auditsaas.workspaces', array_agg(id)::text, true) FROM workspaces"
    )


def _remove(owner_engine: Engine, table: str, which: str) -> None:
    with owner_engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"))
        connection.execute(text(f"DELETE FROM {table} WHERE {which}"))  # noqa: S608
        connection.execute(text(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"))
