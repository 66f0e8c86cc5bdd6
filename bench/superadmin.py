"""The pages across workspaces, with a thousand of them: as served, over a seeded year of events.

``python -m bench.superadmin [EVENTS]``; its database stays in ``BENCH_DIR`` for the next time.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from flask import Flask
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.orm import Session

from auditsaas.accounts import passwords, sessions
from auditsaas.accounts.models import User
from auditsaas.app import create_app
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.extensions import db
from auditsaas.operations import upgrade
from auditsaas.platform_access.models import PlatformAccess
from bench.pages import FRAGMENT_HEADERS
from bench.tables import Table, ms
from config import start

WORKSPACES = 1_000
CHUNK = 250_000
REASON = "Measuring"
WALLED = (
    "workspaces",
    "events",
    "log_heads",
    "event_counts",
    "event_days",
    "actors",
    "memberships",
)

# Time order, as events arrive, and numbers without gaps in each log; the cube deals most of the
# events to few workspaces.
FILL = text("""
WITH made AS (
    SELECT i, (floor(:workspaces * power(hashint8(i) / 4294967296.0 + 0.5, 3)) + 1)::int AS w,
        CAST(:start AS timestamptz) + i * CAST(:step AS interval) AS at, md5(i::text) AS hash
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS i
), filled AS (
INSERT INTO events (workspace_id, id, seq, occurred_at, received_at, activity, status, actor_id,
    actor_name, actor_email, method, path, status_code, ip, user_agent, platform, browser,
    duration_ms, request_id, source)
SELECT ids.id,
    (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || left(hash, 3) || '8'
     || substr(hash, 4, 15))::uuid,
    ids.seq + row_number() OVER (PARTITION BY w ORDER BY i), at, at,
    CASE WHEN i % 100003 = 0 THEN 'key.rotate' ELSE 'report.' || (i % 24) END,
    CASE WHEN i % 33 = 0 THEN 'error' ELSE 'success' END,
    'u_' || w || '_' || (i % 40), 'Person ' || (i % 40), 'p' || (i % 40) || '@example.com',
    (ARRAY['GET', 'POST', 'PUT', 'DELETE'])[1 + i % 4], '/reports/' || i, 200,
    ('10.' || w % 250 || '.' || i % 7 || '.' || i % 200)::inet, 'Mozilla/5.0 (X11; Linux x86_64)',
    'Linux', 'Firefox 140', 20 + (i * 7919) % 900, hash, 'cli'
FROM made JOIN bench_workspaces AS ids ON ids.n = w
RETURNING workspace_id, seq
)
UPDATE bench_workspaces SET seq = last FROM (
    SELECT workspace_id, max(seq) AS last FROM filled GROUP BY 1) AS newest WHERE workspace_id = id
""")
COUNT = text("""
INSERT INTO event_counts
SELECT workspace_id, date_trunc('hour', occurred_at, 'UTC'), activity, coalesce(method, ''), status,
    count(*) FROM events GROUP BY 1, 2, 3, 4, 5
""")
DAYS = text("""
INSERT INTO event_days
SELECT workspace_id, date_trunc('day', hour, 'UTC'), activity, method, status, sum(n)
FROM event_counts GROUP BY 1, 2, 3, 4, 5
""")
HEADS = text("""
UPDATE log_heads SET seq = n, removed = n - stored, days_counted = 2 * n - stored,
    last_received_at = at FROM (
    SELECT workspace_id, max(seq) AS n, count(*) AS stored, max(received_at) AS at
    FROM events GROUP BY 1) AS newest
WHERE newest.workspace_id = log_heads.workspace_id
""")
ACTORS = text("""
INSERT INTO actors (workspace_id, id, name, email, role, status, as_of)
SELECT DISTINCT ON (workspace_id, actor_id) workspace_id, actor_id, actor_name, actor_email,
    'member', 'active', occurred_at FROM events ORDER BY workspace_id, actor_id, occurred_at DESC
""")


def ready(events: int) -> Flask:
    folder = Path(os.environ.get("BENCH_DIR") or "var/bench") / f"thousand-{events}"
    environ = {"DATA_DIR": str(folder), "STORAGE_URL": (folder / "files").resolve().as_uri()}
    settings = dataclasses.replace(
        start.load(start.demo(environ)), base_url="http://127.0.0.1:8000"
    )
    now = datetime.now(UTC)
    upgrade.upgrade(settings, now)
    owner = create_engine(settings.owner_url)
    with owner.connect() as connection:
        if not connection.scalar(text("SELECT count(*) FROM workspaces")):
            _fill(connection, events, now)
    owner.dispose()
    return create_app(settings, statement_timeout_ms=0)


def _fill(connection: Connection, events: int, now: datetime) -> None:
    # A check of every row against a list of a thousand would take most of the time.
    for table in WALLED:
        connection.exec_driver_sql(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    connection.execute(
        text(
            "INSERT INTO workspaces (id, slug, name) SELECT gen_random_uuid(), 'workspace-' || n,"
            " 'Workspace ' || n FROM generate_series(1, :n) AS n"
        ),
        {"n": WORKSPACES},
    )
    connection.execute(
        text(
            "CREATE TEMPORARY TABLE bench_workspaces AS SELECT row_number() OVER () AS n, id,"
            " CAST(0 AS bigint) AS seq FROM workspaces ORDER BY slug"
        )
    )
    connection.exec_driver_sql("SET synchronous_commit = off")
    connection.execute(text("INSERT INTO log_heads SELECT id, 0 FROM workspaces"))
    connection.commit()
    start = now - timedelta(days=365)
    for first in range(0, events, CHUNK):
        connection.execute(
            FILL,
            {
                "workspaces": WORKSPACES,
                "start": start,
                "step": timedelta(days=365) / events,
                "first": first,
                "last": min(first + CHUNK, events) - 1,
            },
        )
        connection.commit()
        print(f"{first + CHUNK:,} events", flush=True)
    for statement in (COUNT, DAYS, HEADS, ACTORS):
        connection.execute(statement)
        connection.commit()
    for table in WALLED:
        connection.exec_driver_sql(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    connection.commit()
    connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM (ANALYZE)"))


def tables(events: int = 5_000_000) -> list[Table]:
    """Everything that is measured here; the database is filled first, unless it is there."""
    app = ready(events)
    client = signed_in_above(app)
    over = f"Across {WORKSPACES:,} workspaces, {events:,} events"
    pages = Table(f"{over}: pages", COLUMNS)
    for name in ("workspaces", "workspaces?sort=errors", "users", "exports", "system"):
        _add(pages, client, f"/admin/{name}", f"/admin/{name}", {})
    log = Table(f"{over}: first page of the log", COLUMNS)
    for name, args in CASES.items():
        _add(log, client, name, f"/admin/audit-logs?{urlencode(args)}", FRAGMENT_HEADERS)
    return [pages, log, _whole(client, f"{over}: fragments that nobody waits for")]


COLUMNS = ["", "served, ms", "its SQL alone, ms", "≤ 100 ms"]
GOAL_MS = 100


def _add(table: Table, client: Any, name: str, url: str, headers: dict[str, str]) -> None:
    """Medians of an address, from the WSGI call to the last byte, and of its queries alone."""
    get = partial(_get, client, url, headers)
    get()
    asked = _queries_of(client.application, get)
    served, bare = _typical(get), _typical(partial(_run, asked))
    table.add(name, ms(served), ms(bare), "yes" if served <= GOAL_MS else "no")


def _whole(client: Any, title: str) -> Table:
    table = Table(title, ["fragment", "ms"])
    for part in ("count", "histogram", "facets", "latency"):
        url = f"/admin/audit-logs/{part}"
        table.add(part, ms(_once(partial(_get, client, url, FRAGMENT_HEADERS))))
    return table


Query = tuple[Engine, str, Any]


def _queries_of(app: Flask, run: Callable[[], None]) -> list[Query]:
    """The statements that read for a request, each with the pool it went through."""
    asked: list[Query] = []
    with app.app_context():
        engines = list(db.engines.values())

    def note(connection: Connection, _c: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")) and "FOR " not in statement:
            asked.append((connection.engine, statement, values))

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    run()
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)
    return asked


def _run(asked: list[Query]) -> None:
    for engine, statement, values in asked:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement, values).all()


CASES: dict[str, list[tuple[str, str]]] = {
    "no filter": [],
    "status=error": [("status", "error")],
    "one rare activity": [("activity", "key.rotate")],
    "three activities": [("activity", f"report.{n}") for n in (1, 2, 3)],
    "one user": [("user", "u_500_7")],
    "one IP address": [("ip", "10.7.3.40")],
    "method": [("method", "DELETE")],
    "a month": [("range", "last_month")],
    "one workspace": [("workspace", "workspace-7")],
    "text in no event": [("q", "nowhere")],
    "deep, no filter": [("before", "019a8000-0000-7000-8000-000000000000")],
}


def signed_in_above(app: Flask) -> Any:
    """A client of a super-admin who has said why."""
    client = app.test_client()
    user = User(
        email=f"bench-{uuid4()}@example.com",
        name="Bench",
        password_hash=passwords.hashed("x" * 16),
        is_super_admin=True,
    )
    owner = create_engine(app.extensions["settings"].owner_url)
    with Session(owner, expire_on_commit=False) as session:
        session.add(user)
        session.commit()
    owner.dispose()
    with app.app_context():
        tenancy.bind(Scope(user=user.id))
        db.session.add(
            PlatformAccess(user_id=user.id, reason=REASON, asked=True, given_at=datetime.now(UTC))
        )
        session_id = sessions.start(db.session(), user.id, second_factor=True)
        db.session.commit()
    client.set_cookie(app.config["SESSION_COOKIE_NAME"], session_id)
    return client


def _get(client: Any, url: str, headers: dict[str, str]) -> None:
    answer = client.get(url, headers=headers)
    if answer.status_code != 200:
        raise SystemExit(f"{url}: {answer.status_code} {answer.text[:300]}")


def _typical(run: Callable[[], None]) -> float:
    """The median of eleven runs in ms, after two that do not count."""
    times = []
    for index in range(13):
        started = time.perf_counter()
        run()
        if index >= 2:
            times.append((time.perf_counter() - started) * 1000)
    return median(times)


def _once(run: Callable[[], None]) -> float:
    """The better of two runs: these are whole scans, and nobody waits for them."""
    times = []
    for _ in range(2):
        started = time.perf_counter()
        run()
        times.append((time.perf_counter() - started) * 1000)
    return min(times)


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
    for table in tables(events):
        print(table)


if __name__ == "__main__":
    main()
