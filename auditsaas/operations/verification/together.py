"""Verifies what is counted of all workspaces together against the daily counts of each.

All of it is read in one snapshot, as the owner of the tables, who alone sees every log's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Engine, select, text

from auditsaas.events.maintenance.platform_counts import asked
from auditsaas.events.maintenance.platform_parts import KEPT
from auditsaas.events.models import platform_days
from auditsaas.operations.verification.damage import Damage, Report

SHOWN: Final = 5
"""So many of the differences are told one by one."""

_IDS: Final = text("SELECT id FROM workspaces ORDER BY id")
_MARK: Final = text(KEPT)
_HEADS: Final = "{parts} SELECT counted, fits FROM known"
_COUNTED: Final = """{parts}
SELECT day, activity, method, status, sum(n)::bigint AS n FROM (
    SELECT d.* FROM known AS k CROSS JOIN LATERAL (
        SELECT day, activity, method, status, n FROM event_days
        WHERE workspace_id = k.workspace_id AND day < (SELECT upto FROM mark) OFFSET 0) AS d
    WHERE k.counted IS NOT NULL
    UNION ALL SELECT day, activity, method, status, -n FROM late
) AS rows GROUP BY 1, 2, 3, 4
"""


def verify(owner: Engine) -> Report:
    """Verify the counts of all workspaces together."""
    with owner.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        mark = connection.execute(_MARK).one_or_none()
        if mark is None:
            return _report("nothing is counted together yet")
        ids = list(connection.scalars(_IDS))
        heads = list(asked(connection, _HEADS, ids, mark.upto))
        if sum(row.counted is not None for row in heads) != mark.workspaces or not all(
            row.fits for row in heads
        ):
            return _report("are not used before all is counted anew")
        damages = tuple(_differences(connection, _summed(connection, ids, mark.upto)))
    return _report(f"{mark.workspaces:,} logs are counted together", *damages)


def _summed(connection: Connection, ids: Any, upto: Any) -> Counter[tuple[Any, ...]]:
    found: Counter[tuple[Any, ...]] = Counter()
    for row in asked(connection, _COUNTED, ids, upto):
        found[row.day, row.activity, row.method, row.status] += row.n
    return found


def _differences(connection: Connection, real: Counter[tuple[Any, ...]]) -> Iterator[Damage]:
    kept = Counter({tuple(row[:-1]): row.n for row in connection.execute(select(platform_days))})
    differing = sorted(key for key in real.keys() | kept.keys() if real[key] != kept[key])
    for key in differing[:SHOWN]:
        day, activity, method, status = key
        what = " ".join(filter(None, (activity, method, status)))
        words = f"{day:%Y-%m-%d} {what}: {kept[key]:,} are counted, and {real[key]:,} are there"
        yield Damage("counts", words)
    if len(differing) > SHOWN:
        yield Damage("counts", f"{len(differing) - SHOWN:,} more differ")


def _report(words: str, *damages: Damage) -> Report:
    return Report(part="together", name="counts together", words=words, damages=damages)
