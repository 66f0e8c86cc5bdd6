"""The statements by which events go past their retention, with what was counted of them."""

from __future__ import annotations

from sqlalchemy import ARRAY, Uuid, bindparam, text

from auditsaas.events.maintenance.lasting import STAYS

WORKSPACES = bindparam("workspaces", type_=ARRAY(Uuid))

POLICIES = text(
    "SELECT id, retention_days FROM workspaces WHERE retention_days IS NOT NULL AND NOT legal_hold"
)
POLICY = text(
    "SELECT true FROM workspaces"
    " WHERE id = :workspace AND retention_days <= :days AND NOT legal_hold FOR SHARE"
)
MONTHS = text(
    "SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
    " WHERE i.inhparent = 'events'::regclass AND c.relname ~ '^events_[0-9]{4}_[0-9]{2}$'"
    " ORDER BY 1"
)
LOCK_HEADS = text(
    "SELECT workspace_id FROM log_heads WHERE workspace_id = ANY (:workspaces)"
    " ORDER BY workspace_id FOR UPDATE"
).bindparams(WORKSPACES)
FORGET_COUNTS = text("""
WITH gone AS (
    DELETE FROM event_counts WHERE workspace_id = ANY (:workspaces)
    AND hour >= :start AND hour < :end RETURNING workspace_id, n
), gone_days AS (
    DELETE FROM event_days WHERE workspace_id = ANY (:workspaces) AND day >= :start AND day < :end
)
SELECT workspace_id, sum(n) AS n FROM gone GROUP BY 1
""").bindparams(WORKSPACES)
COUNT_REMOVED = text("""
WITH noted AS (UPDATE removals SET events = events + :n WHERE workspace_id = :workspace)
UPDATE log_heads SET removed = removed + :n, days_counted = days_counted + :n
WHERE workspace_id = :workspace
""")
REMOVE_BATCH = text(f"""
WITH gone AS (
    DELETE FROM events WHERE workspace_id = :workspace AND id IN (
        SELECT id FROM events WHERE workspace_id = :workspace AND id > :after AND id < :before
        AND seq <= :sealed AND NOT ({STAYS}) ORDER BY id LIMIT :batch)
    RETURNING id, seq, date_trunc('hour', occurred_at, 'UTC') AS hour, activity,
        coalesce(method, '') AS method, status
), less AS (
    SELECT hour, activity, method, status, count(*) AS n FROM gone GROUP BY 1, 2, 3, 4
), changed AS (
    UPDATE event_counts AS c SET n = c.n - less.n FROM less
    WHERE c.workspace_id = :workspace AND c.hour = less.hour AND c.activity = less.activity
    AND c.method = less.method AND c.status = less.status
), less_days AS (
    SELECT date_trunc('day', hour, 'UTC') AS day, activity, method, status, sum(n) AS n
    FROM less GROUP BY 1, 2, 3, 4
), changed_days AS (
    UPDATE event_days AS d SET n = d.n - less.n FROM less_days AS less
    WHERE d.workspace_id = :workspace AND d.day = less.day AND d.activity = less.activity
    AND d.method = less.method AND d.status = less.status
), moved AS (
    UPDATE log_heads SET removed = removed + (SELECT count(*) FROM gone),
        days_counted = days_counted + (SELECT count(*) FROM gone)
    WHERE workspace_id = :workspace
)
SELECT count(*) AS n, (SELECT id FROM gone ORDER BY id DESC LIMIT 1) AS last,
    min(seq) AS first_seq, max(seq) AS last_seq, array_agg(seq) AS numbers FROM gone
""")  # noqa: S608  # joins two constants
FORGET_EMPTY = text("""
WITH days AS (DELETE FROM event_days WHERE workspace_id = :workspace AND n = 0)
DELETE FROM event_counts WHERE workspace_id = :workspace AND n = 0
""")
