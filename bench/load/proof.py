"""After the load: is every acknowledged event there, once, and are numbers and counts whole."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import text

from auditsaas.app import create_app
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.extensions import db
from bench.load.place import Place
from bench.load.senders import PER_SECOND, Sender
from bench.tables import Table

STORED = text("""
SELECT count(*) AS stored, count(*) - count(DISTINCT idempotency_key) AS doubled FROM events
WHERE workspace_id = :workspace AND starts_with(idempotency_key, 'load-')
""")
WHOLE = text("""
SELECT h.seq, h.removed,
    (SELECT count(*) FROM events WHERE workspace_id = :workspace) AS events,
    (SELECT max(seq) FROM events WHERE workspace_id = :workspace) AS last,
    (SELECT sum(n) FROM event_counts WHERE workspace_id = :workspace) AS counted
FROM log_heads AS h WHERE workspace_id = :workspace
""")


def proof(place: Place, senders: list[Sender], minutes: float) -> Table:
    table = Table(
        "What is in the log afterwards",
        ["workspace", "acknowledged", "stored", "lost", "doubled", "gaps in seq", "counts agree"],
    )
    acknowledged: Counter[int] = Counter()
    for sender in senders:
        acknowledged += sender.acknowledged
    with create_app(place.settings, statement_timeout_ms=0).app_context():
        for number, (slug, workspace) in enumerate(place.workspaces.items()):
            session = tenancy.bind(Scope.of(workspace))
            stored = session.execute(STORED, {"workspace": workspace}).one()
            whole = session.execute(WHOLE, {"workspace": workspace}).one()
            session.rollback()
            kept = whole.seq - whole.removed
            table.add(
                slug,
                f"{acknowledged[number]:,}",
                f"{stored.stored:,}",
                f"{max(0, acknowledged[number] - stored.stored + stored.doubled):,}",
                f"{stored.doubled:,}",
                f"{abs(kept - whole.events) + abs(whole.seq - whole.last):,}",
                "yes" if whole.counted == whole.events else "no",
            )
        db.engine.dispose()
    given_up = sum(sender.given_up for sender in senders)
    rate = acknowledged.total() / (minutes * 60)
    table.notes.append(f"{rate:,.0f} events/s were taken; {PER_SECOND} were to be sent.")
    table.notes.append(f"{given_up:,} events were given up by their senders after two minutes.")
    said = sorted({words for sender in senders for words in sender.refused})
    table.notes += [f"An answer that did not take a batch said {words}" for words in said[:5]]
    return table
