"""Background work on the blocks of columns of logs: on the queue ``tree``, beside the seals."""

from __future__ import annotations

from typing import Final

from sqlalchemy import NullPool
from sqlalchemy.orm import Session

from auditsaas.db.pools import make_engine
from auditsaas.events import following
from auditsaas.events.columns import sweeping
from auditsaas.events.words.sweeping import Pace
from auditsaas.extensions import settings
from auditsaas.jobs.queue import task

_pace: Final = Pace()


@task("columns.sweep")
def sweep() -> int:
    """Build the blocks of new events, as the tables' owner; return how many turns did."""
    engine = make_engine(
        settings().owner_url, poolclass=NullPool, connect_args={"options": "-c timezone=UTC"}
    )
    with Session(engine) as session:
        return following.sweep(session, sweeping.COLUMNS, _pace.next())
