"""Counts reads of logs up by reader, filter and hour, in one statement without the head's lock.

The hour is that of PostgreSQL's clock. What only looks again at what was counted within the minute
writes nothing. The statement does not wait for the disk, for a page must not: should the database
itself crash, reads of its last second may be lost with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import ARRAY, Integer, LargeBinary, Text, Uuid, bindparam, text
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.db.pipelining import queued, set_with_next
from auditsaas.own_actions import RequestFacts
from auditsaas.own_activities import Activity
from auditsaas.reads.reading import (
    MOST_ADDRESSES,
    MOST_OPENED,
    Reading,
    hashed,
    metadata_of,
    shortened,
    targets_of,
)

IN_HASTE: Final = ("SET LOCAL synchronous_commit = off", "SET LOCAL lock_timeout = '250ms'")

_INTO = """
INSERT INTO log_reads AS r (workspace_id, hour, reader, query_hash, id, query, name, email, role,
    pages, rows, parts, opened, addresses, first_at, last_at)
"""
_ADD = f"""
ON CONFLICT (workspace_id, hour, reader, query_hash) DO UPDATE SET
    pages = r.pages + EXCLUDED.pages,
    rows = r.rows + EXCLUDED.rows,
    parts = r.parts || CASE WHEN EXCLUDED.parts <@ r.parts THEN '{{}}' ELSE EXCLUDED.parts END,
    opened = CASE WHEN EXCLUDED.opened <@ r.opened OR cardinality(r.opened) > {MOST_OPENED}
        THEN r.opened ELSE r.opened || EXCLUDED.opened END,
    addresses = CASE WHEN EXCLUDED.addresses <@ r.addresses
        OR cardinality(r.addresses) > {MOST_ADDRESSES}
        THEN r.addresses ELSE r.addresses || EXCLUDED.addresses END,
    last_at = greatest(r.last_at, EXCLUDED.last_at)
WHERE EXCLUDED.pages > 0 OR EXCLUDED.rows > 0 OR r.last_at < now() - interval '1 minute'
    OR NOT (EXCLUDED.parts <@ r.parts AND EXCLUDED.opened <@ r.opened
        AND EXCLUDED.addresses <@ r.addresses)
"""
_HOUR = "date_trunc('hour', now(), 'UTC')"
_OPENED = "array_remove(ARRAY[{}], NULL)"
_ADDRESS = "array_remove(ARRAY[CAST(:address AS text)], NULL)"
# Only constants of this module are put together; every value is a parameter.
ONE: Final = text(f"""{_INTO}
VALUES (:workspace, {_HOUR}, :reader, :hash, :id, :query, :name, :email, :role, :pages, :rows,
    ARRAY[CAST(:part AS text)], {_OPENED.format("CAST(:opened AS uuid)")}, {_ADDRESS}, now(), now())
{_ADD}""")
SEVERAL: Final = text(f"""{_INTO}
SELECT workspace, {_HOUR}, :reader, hash, id, query, :name, :email, role, pages, rows,
    ARRAY[part], {_OPENED.format("opened")}, {_ADDRESS}, now(), now()
FROM unnest(:workspaces, :hashes, :ids, :queries, :roles, :pages, :rows, :parts, :opened)
    AS given (workspace, hash, id, query, role, pages, rows, part, opened)
{_ADD}""").bindparams(  # noqa: S608
    bindparam("workspaces", type_=ARRAY(Uuid)),
    bindparam("hashes", type_=ARRAY(LargeBinary)),
    bindparam("ids", type_=ARRAY(Uuid)),
    bindparam("queries", type_=ARRAY(Text)),
    bindparam("roles", type_=ARRAY(Text)),
    bindparam("pages", type_=ARRAY(Integer)),
    bindparam("rows", type_=ARRAY(Integer)),
    bindparam("parts", type_=ARRAY(Text)),
    bindparam("opened", type_=ARRAY(Uuid)),
)


def count(session: Session, readings: Sequence[Reading]) -> None:
    """Count one reader's reads of several logs, all in the session's scope and transaction.

    It is sent with the next statement, which is the COMMIT, and fails with it. The rest of the
    transaction does not wait for the disk either, and for locks only briefly.
    """
    if not readings:
        return
    first = readings[0]
    known = {
        "reader": first.reader.id,
        "name": first.reader.name,
        "email": first.reader.email,
        "address": first.address,
    }
    connection = session.connection()
    for setting in IN_HASTE:
        set_with_next(connection, setting)
    with queued(connection):
        if len(readings) == 1:
            session.execute(ONE, known | _values(first))
        else:
            session.execute(SEVERAL, known | _columns(readings))


def _values(reading: Reading) -> dict[str, Any]:
    query = reading.whole_query
    return {
        "workspace": reading.workspace_id,
        "hash": hashed(query),
        "id": uuid4(),
        "query": shortened(query),
        "role": reading.role,
        "pages": reading.pages,
        "rows": reading.rows,
        "part": reading.part,
        "opened": reading.opened,
    }


def _columns(readings: Sequence[Reading]) -> dict[str, Any]:
    """Turn several into columns, in the one order in which rows are locked."""
    ordered = sorted(readings, key=lambda reading: reading.workspace_id)
    rows = [_values(reading) for reading in ordered]
    names = {"workspace": "workspaces", "hash": "hashes", "id": "ids", "query": "queries"}
    names |= {"role": "roles", "part": "parts"}
    return {names.get(name, name): [row[name] for row in rows] for name in rows[0]}


def append_now(
    session: Session, readings: Sequence[Reading], facts: RequestFacts, *, status_code: int
) -> None:
    """Append an event for each read, where a workspace wants one of every request."""
    now = datetime.now(UTC).isoformat()
    for reading in sorted(readings, key=lambda reading: reading.workspace_id):
        opened = () if reading.opened is None else (reading.opened,)
        metadata = metadata_of(
            query=shortened(reading.whole_query),
            pages=reading.pages,
            rows=reading.rows,
            parts=(reading.part,),
            opened=opened,
        )
        own_actions.record(
            session,
            Activity.LOG_READ,
            workspaces={reading.workspace_id: reading.role},
            actor=reading.reader.actor,
            facts=facts,
            status_code=status_code,
            targets=targets_of(opened),
            metadata=metadata | {"first_page_at": now, "last_page_at": now},
        )
