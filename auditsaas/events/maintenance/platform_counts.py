"""Keeps daily counts of all workspaces together, behind the logs, and exact at any moment.

``platform_days`` holds days before a mark. What is later is few rows of each log's daily counts,
and is read with them. A log's head tells what came late into the days before: there are as many as
its events (``seq - removed``), less the later ones, less those that were counted; only their logs
are read, above the number that was counted. Where events were removed, or a workspace went or wants
to be asked first, all is counted anew, and until then nothing is read from here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, Engine, Row, TextClause, text
from sqlalchemy.exc import OperationalError

from auditsaas.db.tenancy import is_spread, uuid_array
from auditsaas.events.maintenance.platform_parts import IDS, KEPT, parts

Item = TypeVar("Item")

LATER: Final = timedelta(days=1)
"""Days from yesterday on are read from each log: most of what arrives is of them."""
AT_ONCE: Final = 20
"""Workspaces in scope at once: each row is compared with a list of them."""

_LOCK: Final = text("LOCK TABLE platform_marks IN SHARE ROW EXCLUSIVE MODE NOWAIT")
_OPEN: Final = text("SELECT id FROM workspaces WHERE NOT asks_first ORDER BY id")
_MARK: Final = text(KEPT)
_DIFFERENCE: Final = """{parts}
, rows AS (
    SELECT * FROM late UNION ALL SELECT * FROM fresh
    UNION ALL SELECT * FROM live WHERE day < CAST(:wanted AS timestamptz)
)
SELECT workspace_id, day, activity, method, status, sum(n)::bigint AS n FROM rows
GROUP BY GROUPING SETS ((day, activity, method, status), (workspace_id, activity, method, status))
"""
_STATE: Final = """{parts}
SELECT k.workspace_id, k.seq, k.removed, k.fits, k.counted,
    k.closed + coalesce(passed.n, 0)::bigint AS closed
FROM known AS k LEFT JOIN (
    SELECT workspace_id, sum(n) AS n FROM live WHERE day < CAST(:wanted AS timestamptz) GROUP BY 1
) AS passed ON passed.workspace_id = k.workspace_id
"""
_ADD_DAYS: Final = text("""
INSERT INTO platform_days AS p (day, activity, method, status, n)
SELECT * FROM unnest(CAST(:days AS timestamptz[]), CAST(:activities AS text[]),
    CAST(:methods AS text[]), CAST(:statuses AS text[]), CAST(:numbers AS bigint[]))
ON CONFLICT (day, activity, method, status) DO UPDATE SET n = p.n + excluded.n
""")
_ADD_TOTALS: Final = text("""
INSERT INTO platform_totals AS p (workspace_id, activity, method, status, n)
SELECT * FROM unnest(:ids, CAST(:activities AS text[]),
    CAST(:methods AS text[]), CAST(:statuses AS text[]), CAST(:numbers AS bigint[]))
ON CONFLICT (workspace_id, activity, method, status) DO UPDATE SET n = p.n + excluded.n
""").bindparams(IDS)
_MOVE_HEADS: Final = text("""
INSERT INTO platform_heads AS p (workspace_id, seq, removed, closed)
SELECT * FROM unnest(:ids, CAST(:seqs AS bigint[]), CAST(:removed AS bigint[]),
    CAST(:closed AS bigint[]))
ON CONFLICT (workspace_id) DO UPDATE
SET seq = excluded.seq, removed = excluded.removed, closed = excluded.closed
WHERE (p.seq, p.removed, p.closed) IS DISTINCT FROM
    (excluded.seq, excluded.removed, excluded.closed)
""").bindparams(IDS)
_MOVE_MARK: Final = text("""
INSERT INTO platform_marks AS p (kind, upto, workspaces) VALUES ('days', :wanted, :workspaces)
ON CONFLICT (kind) DO UPDATE SET upto = excluded.upto, workspaces = excluded.workspaces,
    made_at = now()
""")
_FORGET_DAYS: Final = text("DELETE FROM platform_days")
_FORGET: Final = (
    text("DELETE FROM platform_totals WHERE workspace_id = ANY (:ids)").bindparams(IDS),
    text("DELETE FROM platform_heads WHERE workspace_id = ANY (:ids)").bindparams(IDS),
)
_EVERY: Final = text("SELECT id FROM workspaces ORDER BY id")


def count_in(engine: Engine, now: datetime) -> int | None:
    """Count in what is new, as the tables' owner; return how many workspaces are counted.

    None where nothing changes: another process is at it, daily counts are not complete yet, or the
    database is a cluster, which does not answer from here.
    """
    wanted = now.replace(hour=0, minute=0, second=0, microsecond=0) - LATER
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        try:
            connection.execute(_LOCK)  # takes no snapshot yet, so the one after it is the newest
        except OperationalError as error:
            if isinstance(error.orig, LockNotAvailable):
                return None
            raise
        counted = None if is_spread(connection) else _count(connection, wanted)
        if counted is not None:
            connection.commit()
        return counted


def _count(connection: Connection, wanted: datetime) -> int | None:
    known = list(connection.scalars(_OPEN))
    mark = connection.execute(_MARK).one_or_none()
    wanted = wanted if mark is None else max(wanted, mark.upto)
    state = _state(connection, known, wanted, anew=mark is None)
    if mark is not None and not _fits(state, mark.workspaces):
        _forget(connection)
        state = _state(connection, known, wanted, anew=True)
        mark = None
    if not all(row.fits for row in state):
        return None
    _add(connection, [row.workspace_id for row in state], wanted, anew=mark is None)
    for few in few_of(state):
        ids = [row.workspace_id for row in few]
        _bind(connection, ids)
        heads = {name: [getattr(row, name) for row in few] for name in ("removed", "closed")}
        connection.execute(_MOVE_HEADS, {"ids": ids, "seqs": [row.seq for row in few], **heads})
    connection.execute(_MOVE_MARK, {"wanted": wanted, "workspaces": len(state)})
    return len(state)


def _fits(state: Sequence[Row[Any]], workspaces: int) -> bool:
    counted = sum(row.counted is not None for row in state)
    return counted == workspaces and all(row.fits for row in state)


def _state(
    connection: Connection, known: Sequence[UUID], wanted: datetime, *, anew: bool
) -> list[Row[Any]]:
    return list(asked(connection, _STATE, known, wanted, anew=anew))


def _add(connection: Connection, known: Sequence[UUID], wanted: datetime, *, anew: bool) -> None:
    """Add what is not counted yet: by day of all logs together, and in sum of each."""
    days: Counter[tuple[Any, ...]] = Counter()
    for few in few_of(known):
        totals: dict[tuple[Any, ...], int] = {}
        for row in asked(connection, _DIFFERENCE, few, wanted, anew=anew):
            what = (row.activity, row.method, row.status)
            if row.workspace_id is None:
                days[row.day, *what] += row.n
            else:
                totals[row.workspace_id, *what] = row.n
        _insert(connection, _ADD_TOTALS, "ids", totals)
    _insert(connection, _ADD_DAYS, "days", days)


def asked(
    connection: Connection,
    query: str,
    known: Sequence[UUID],
    wanted: datetime,
    *,
    anew: bool = False,
) -> Iterator[Row[Any]]:
    """Yield the rows of a statement about these workspaces, few of them in scope at once."""
    statement = text(query.format(parts=parts(anew=anew))).bindparams(IDS)
    for few in few_of(known):
        _bind(connection, few)
        yield from connection.execute(statement, {"ids": list(few), "wanted": wanted}).all()


def _insert(
    connection: Connection,
    statement: TextClause,
    first: str,
    counted: Mapping[tuple[Any, ...], int],
) -> None:
    if counted:
        names = (first, "activities", "methods", "statuses")
        columns = zip(*sorted(counted), strict=True)
        values = dict(zip(names, map(list, columns), strict=True))
        connection.execute(statement, {**values, "numbers": [counted[k] for k in sorted(counted)]})


def _forget(connection: Connection) -> None:
    """Forget all that is counted, also of workspaces that are not to be counted any more."""
    connection.execute(_FORGET_DAYS)
    for few in few_of(connection.scalars(_EVERY).all()):
        _bind(connection, few)
        for forget in _FORGET:
            connection.execute(forget, {"ids": list(few)})


def few_of(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for first in range(0, len(items), AT_ONCE):
        yield items[first : first + AT_ONCE]


def _bind(connection: Connection, workspaces: Sequence[UUID]) -> None:
    scope = uuid_array(workspaces)
    connection.exec_driver_sql(f"SET LOCAL auditsaas.workspaces = '{scope}'")
