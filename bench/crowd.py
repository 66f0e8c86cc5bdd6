"""The log of an application with a million users, beside the same log with the few it has."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import create_engine, text

from bench.dataset import Dataset, copied, signed_in
from bench.pages import FRAGMENT_HEADERS, medians
from bench.tables import Table, ms

PEOPLE = 1_000_000
ACTIVE = 100_000
"""How many of the newest events they did, most of them one each."""

RUNS = 15
COME = text("""
INSERT INTO actors (workspace_id, id, name, email, role, status, as_of)
SELECT :workspace, 'crowd_' || n, 'Crowd ' || n, 'crowd_' || n || '@example.com', 'member',
    'active', now()
FROM generate_series(1, :n) AS n
""")
DO = text("""
UPDATE events SET actor_id = 'crowd_' || 1 + mod(seq * 7919, :n)
WHERE workspace_id = :workspace AND seq > :after
""")
ASKED = {
    "the whole page": "",
    "table, role=member (nearly all)": "?role=member",
    "table, user_status=active": "?user_status=active",
    "table, user_status=disabled (a few)": "?user_status=disabled",
    "table, q=-role:member": "?q=-role%3Amember",
    "table, one user": "?user={actor}",
    "count, user_status=active": "/count?user_status=active",
    "facets, no filter": "/facets",
    "facets, role=member": "/facets?role=member",
    "users that are typed, none found": "/users?term=nobody-of-this-name",
}


def measure(events: int, share: float) -> Table:
    """Medians in ms, as served, before and after the people came; on a copy of the dataset."""
    with copied(events, share, "crowd") as dataset:
        before = _times(dataset)
        _crowd(dataset)
        after = _times(dataset)
    table = Table(
        f"{PEOPLE:,} people, who did the newest {ACTIVE:,} of {dataset.in_big:,} events",
        ["asked for", "with a few people, ms", f"with {PEOPLE:,}"],
    )
    for name, few, many in zip(ASKED, before, after, strict=True):
        table.add(name, ms(few), ms(many))
    return table


def _crowd(dataset: Dataset) -> None:
    engine = create_engine(dataset.settings.owner_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL auditsaas.workspaces = '{{{dataset.big}}}'")
        connection.execute(COME, {"workspace": dataset.big, "n": PEOPLE})
        after = dataset.in_big - ACTIVE
        connection.execute(DO, {"workspace": dataset.big, "n": PEOPLE, "after": after})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE actors, events")
    engine.dispose()


def _times(dataset: Dataset) -> list[float]:
    client = signed_in(dataset)
    users = client.get(f"/w/{dataset.big_slug}/audit-logs/users?term=@").json
    actor = users[0]["value"]
    base = f"/w/{dataset.big_slug}/audit-logs"
    urls = [base + path.format(actor=actor) for path in ASKED.values()]
    return medians(*(partial(_get, client, url, whole=url == base) for url in urls), runs=RUNS)


def _get(client: Any, url: str, *, whole: bool) -> None:
    answer = client.get(url, headers={} if whole else FRAGMENT_HEADERS)
    if answer.status_code != 200:
        raise SystemExit(f"{url}: {answer.status_code}")
