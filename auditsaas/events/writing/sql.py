"""The statements of an append, and the functions that hold them.

The app role has no right to number, store or count events: two functions of the tables' owner do
it, for a workspace in scope, and let nothing else in. Their names hold a digest of what they do, so
that processes of two versions each call their own while one follows the other.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from typing import Final

from sqlalchemy import ARRAY, Dialect, TextClause, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import psycopg

from auditsaas.events.event_sources import PRODUCT
from auditsaas.events.writing.rows import COLUMNS, KEYS
from auditsaas.events.writing.sender import IS_AS_SEEN

_COLUMNS = ", ".join(COLUMNS)
_KEYS = ", ".join(KEYS.values())
_TYPED_KEYS = ", ".join(f"{KEYS[name]} {kind}" for name, kind in COLUMNS.items())

# What the product knows of its own people is never mixed with what others say of them.
_IS_PRODUCT = f"(EXCLUDED.source = '{PRODUCT}')"
_WAS_PRODUCT = f"(a.source IS NOT DISTINCT FROM '{PRODUCT}')"
_IS_FIRST_OF_PRODUCT = f"({_IS_PRODUCT} AND NOT {_WAS_PRODUCT})"
_MAY_SAY = f"({_IS_PRODUCT} OR NOT {_WAS_PRODUCT})"
_KNOWN = ", ".join(
    f"{name} = coalesce(EXCLUDED.{name}, CASE WHEN NOT {_IS_FIRST_OF_PRODUCT} THEN a.{name} END)"
    for name in ("name", "email", "role", "status")
)


def _store_sql(*, conflict: str = "") -> str:
    """Write the statement that locks the head, numbers and stores a batch, and adds counts.

    The head is asked for by the rows one by one, so JSON has been read before the lock is waited
    for. Nothing is counted unless all of the batch was stored.
    """
    # Only constants of this module are put together; every value is a parameter.
    return f"""
WITH asked AS MATERIALIZED (
    SELECT clock_timestamp() AS asked_at
), head AS MATERIALIZED (
    SELECT seq AS last, last_received_at, asked_at FROM asked, log_heads
    WHERE workspace_id = :workspace
    AND coalesce(redacted_keys, '{{}}') = CAST(:rules AS text[])
    FOR UPDATE OF log_heads
), locked AS MATERIALIZED (
    SELECT last, greatest(clock_timestamp(), last_received_at) AS received_at,
        extract(epoch FROM clock_timestamp() - asked_at)::float AS waited FROM head
), put AS (
    INSERT INTO events (workspace_id, seq, received_at, source, {_COLUMNS})
    SELECT :workspace, (SELECT last FROM locked) + ordinality, (SELECT received_at FROM locked),
        CAST(:source AS text), {_KEYS}
    FROM ROWS FROM (json_to_recordset(CAST(:rows AS json)) AS ({_TYPED_KEYS}))
        WITH ORDINALITY AS given
    WHERE (SELECT last FROM locked) + ordinality > 0
    {conflict}
    RETURNING 1
), stored AS MATERIALIZED (
    SELECT count(*) AS n FROM put
), hours AS MATERIALIZED (
    SELECT to_timestamp(hour) AS hour, activity, method, status, n
    FROM json_to_recordset(CAST(:counts AS json)) AS (
        hour bigint, activity text, method text, status text, n integer)
    WHERE (SELECT n FROM stored) = :size
), counted AS (
    INSERT INTO event_counts AS c (workspace_id, hour, activity, method, status, n)
    SELECT :workspace, hour, activity, method, status, n FROM hours
    ON CONFLICT (workspace_id, hour, activity, method, status) DO UPDATE SET n = c.n + EXCLUDED.n
), counted_days AS (
    INSERT INTO event_days AS d (workspace_id, day, activity, method, status, n)
    SELECT :workspace, date_trunc('day', hour, 'UTC'), activity, method, status, sum(n)
    FROM hours GROUP BY 2, 3, 4, 5
    ON CONFLICT (workspace_id, day, activity, method, status) DO UPDATE SET n = d.n + EXCLUDED.n
), seen AS (
    INSERT INTO actors AS a (workspace_id, id, name, email, role, status, as_of, source)
    SELECT :workspace, id, name, email, role, status, as_of, CAST(:source AS text)
    FROM json_to_recordset(CAST(:actors AS json)) AS (
        id text, name text, email text, role text, status text, as_of timestamptz)
    WHERE (SELECT n FROM stored) = :size
    ON CONFLICT (workspace_id, id) DO UPDATE SET
        {_KNOWN}, as_of = EXCLUDED.as_of, source = EXCLUDED.source
    WHERE {_IS_FIRST_OF_PRODUCT} OR {_MAY_SAY} AND EXCLUDED.as_of >= a.as_of AND (
        EXCLUDED.as_of > a.as_of + interval '1 minute'
        OR (coalesce(EXCLUDED.name, a.name), coalesce(EXCLUDED.email, a.email),
            coalesce(EXCLUDED.role, a.role), coalesce(EXCLUDED.status, a.status))
           IS DISTINCT FROM (a.name, a.email, a.role, a.status))
), known_addresses AS (
    INSERT INTO actor_emails (workspace_id, email, actor_id)
    SELECT DISTINCT :workspace, left(fold_text(email), 320), actor_id
    FROM json_to_recordset(CAST(:addresses AS json)) AS (email text, actor_id text)
    WHERE (SELECT n FROM stored) = :size
    ON CONFLICT DO NOTHING
), known_names AS (
    INSERT INTO actor_names (workspace_id, name, actor_id)
    SELECT :workspace, left(fold_text(name), 256), id
    FROM json_to_recordset(CAST(:actors AS json)) AS (id text, name text)
    WHERE name IS NOT NULL AND (SELECT n FROM stored) = :size
    ON CONFLICT DO NOTHING
), moved AS (
    UPDATE log_heads SET seq = seq + :size, days_counted = days_counted + :size,
        last_received_at = (SELECT received_at FROM locked)
    WHERE workspace_id = :workspace AND (SELECT n FROM stored) = :size
)
SELECT (SELECT last FROM locked), n, (SELECT waited FROM locked)
INTO head, stored, waited FROM stored;
"""  # noqa: S608


_BOUND = """
IF :ticket IS NOT NULL THEN
    PERFORM set_config('auditsaas.workspaces', :scope, true),
        set_config('auditsaas.person', '', true), set_config('auditsaas.ticket', :ticket, true);
END IF;
"""
_IF_KNOWN = f"""
IF :workspace = ANY (bound_workspaces()) AND scope_is_proven() THEN
    known := :key IS NULL OR {IS_AS_SEEN};
    IF known THEN
        {{}}
    END IF;
END IF;
"""

PARAMETERS: Final = {
    "workspace": "uuid",
    "source": "text",
    "rules": "text[]",
    "rows": "json",
    "counts": "json",
    "actors": "json",
    "addresses": "json",
    "size": "integer",
    "scope": "text",
    "ticket": "text",
    "key": "uuid",
    "seen": "text",
}
"""``scope`` and ``ticket`` bind a transaction of this one statement; NULL where it is bound.
``key`` and ``seen`` are a ``Sender``; NULL where the sender is known to this transaction."""

PREFIX: Final = "append_"
"""How the names of these functions, of any version, begin."""


def _function(kind: str, statement: str) -> tuple[str, str]:
    """Return the signature of the function around a statement, and how it is made."""
    body = re.sub(r"(?<!:):(\w+)", r"given_\1", _BOUND + _IF_KNOWN.format(statement))
    name = f"{PREFIX}{kind}_{hashlib.sha256(body.encode()).hexdigest()[:12]}"
    given = ", ".join(f"given_{parameter} {of_type}" for parameter, of_type in PARAMETERS.items())
    return (
        f"{name}({','.join(PARAMETERS.values())})",
        f"""
CREATE OR REPLACE FUNCTION {name}(
    {given},
    OUT head bigint, OUT stored bigint, OUT waited double precision, OUT known boolean
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    stored := 0;
    known := true;
    {body}
    IF stored NOT IN (0, given_size) THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a batch is not of the size it is said to be';
    END IF;
END
$$
""",
    )


def _call(signature: str) -> TextClause:
    name = signature.partition("(")[0]
    given = ", ".join(
        f"CAST(:{parameter} AS {of_type})" for parameter, of_type in PARAMETERS.items()
    )
    return text(f"SELECT head, stored, waited, known FROM {name}({given})")  # noqa: S608  # constants


_ALL, _MADE_ALL = _function("all", _store_sql())
_IF_NEW, _MADE_IF_NEW = _function(
    "if_new", _store_sql(conflict="ON CONFLICT (workspace_id, id) DO NOTHING")
)
FUNCTIONS: Final = {_ALL: _MADE_ALL, _IF_NEW: _MADE_IF_NEW}
"""How each function is made, by its signature."""

STORE: Final = _call(_ALL)
"""Fails with a unique violation where one of them is there already."""

STORE_IF_NEW: Final = _call(_IF_NEW)
"""For one event: stores none where it is there already."""


@cache
def as_sent(statement: TextClause) -> str:
    """Return a statement as the driver takes it; compiling takes longer than to send it."""
    driver: Dialect = psycopg.dialect()  # type: ignore[no-untyped-call]  # of SQLAlchemy
    return str(statement.compile(dialect=driver))


LOCK_HEAD = text(
    "SELECT seq, redacted_keys FROM log_heads WHERE workspace_id = :workspace FOR UPDATE"
)
RULES = text("SELECT redacted_keys FROM log_heads WHERE workspace_id = :workspace")
# Between the lowest and the highest, so that PostgreSQL looks into no other month.
THERE_ALREADY = (
    text(
        f"SELECT {_COLUMNS}, source FROM events WHERE workspace_id = :workspace AND id = ANY (:ids)"  # noqa: S608
        " AND id BETWEEN :lowest AND :highest"
    )
    .bindparams(bindparam("ids", type_=ARRAY(Uuid)))
    .columns(id=Uuid)
)
SAVE, UNDO = text("SAVEPOINT before_append"), text("ROLLBACK TO SAVEPOINT before_append")
