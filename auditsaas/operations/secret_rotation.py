"""Seals what is kept secret under today's SECRET_KEY, where it was sealed under a fallback.

A row at a time is what it takes, so a run that ends early is taken up by the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from auditsaas.accounts import encryption
from auditsaas.accounts.encryption import Opening
from auditsaas.accounts.models import User
from auditsaas.db import tenancy, tickets
from auditsaas.db.tenancy import Scope
from auditsaas.db.tickets import scope_keys
from auditsaas.erasures.models import ErasureKey
from auditsaas.evidence.anchors.models import AnchorSecret
from auditsaas.evidence.models import tree_keys
from auditsaas.evidence.witnesses.models import WitnessKey
from auditsaas.mail.models import SealedLink
from auditsaas.workspaces.models import Workspace
from config.secret_keys import SecretKeys

SEALED: Final[Mapping[str, InstrumentedAttribute[str | None]]] = {
    "second factors": User.totp_secret,
    "links of mails": cast("InstrumentedAttribute[str | None]", SealedLink.sealed),
    "keys of pseudonyms": cast("InstrumentedAttribute[str | None]", ErasureKey.sealed),
    "keys of anchors": cast("InstrumentedAttribute[str | None]", AnchorSecret.sealed),
    "keys of a witness": cast("InstrumentedAttribute[str | None]", WitnessKey.sealed),
}
"""The columns that are sealed, by what they hold; each of a table with an ``id``."""
OF_LOGS: Final = "keys of logs"
"""What is sealed in a table of tenants, whose rows are seen in a scope of their workspaces."""
BATCH: Final = 500

Progress = Callable[[str, int, int], None]
"""Called after each batch: what is sealed, how many were looked at, and of how many."""


@dataclass(frozen=True)
class Openings:
    """Numbers of rows that each kind of key opens."""

    current: int = 0
    fallback: int = 0
    none: int = 0

    @property
    def total(self) -> int:
        return self.current + self.fallback + self.none


@dataclass(frozen=True)
class KnownKeys:
    """The keys by which the database checks the scopes of transactions."""

    current: bool
    fallbacks: int
    others: int


def openings(session: Session, keys: SecretKeys) -> dict[str, Openings]:
    """Count the sealed rows by the key that opens them; any role that reads people may ask."""
    found = {}
    for name, column in SEALED.items():
        counted = Counter(
            encryption.opening(keys, sealed)
            for batch in _batches(session, column)
            for _, sealed in batch
        )
        found[name] = _counted(counted)
    of_logs = (row.sealed for batch in _log_keys(session) for row in batch)
    found[OF_LOGS] = _counted(Counter(encryption.opening(keys, sealed) for sealed in of_logs))
    return found


def _counted(found: Counter[Opening]) -> Openings:
    return Openings(found[Opening.CURRENT], found[Opening.FALLBACK], found[Opening.NONE])


def known_keys(session: Session, keys: SecretKeys) -> KnownKeys:
    """Read which keys the database checks scopes by; only the owner of the tables may."""
    known = set(session.scalars(select(scope_keys.c.inner_pad)))
    current, *fallbacks = (tickets.inner_pad(key) in known for key in keys)
    return KnownKeys(current, sum(fallbacks), len(known) - current - sum(fallbacks))


def rotate(session: Session, keys: SecretKeys, progress: Progress) -> dict[str, int]:
    """Seal anew what a fallback opens, and commit each batch; return how many rows of each."""
    done = {}
    for name, column in SEALED.items():
        total = session.scalar(select(func.count(column))) or 0
        looked_at = changed = 0
        for batch in _batches(session, column, locked=True):
            looked_at += len(batch)
            changed += sum(_seal_anew(session, column, keys, *row) for row in batch)
            session.commit()
            progress(name, looked_at, total)
        done[name] = changed
    done[OF_LOGS] = _rotate_log_keys(session, keys, progress)
    return done


def _rotate_log_keys(session: Session, keys: SecretKeys, progress: Progress) -> int:
    looked_at = changed = 0
    for batch in _log_keys(session, locked=True):
        for row in batch:
            if encryption.opening(keys, row.sealed) is Opening.FALLBACK:
                mine = update(tree_keys).where(
                    tree_keys.c.workspace_id == row.workspace_id, tree_keys.c.id == row.id
                )
                session.execute(mine.values(sealed=encryption.seal_anew(keys, row.sealed)))
                changed += 1
        session.commit()
        looked_at += len(batch)
        progress(OF_LOGS, looked_at, looked_at)
    return changed


def _log_keys(session: Session, *, locked: bool = False) -> Iterator[Sequence[Any]]:
    """Read the sealed keys that sign logs, those of some workspaces at a time.

    The scope before is bound again at the end.
    """
    before = session.info.get("scope")
    workspaces = session.scalars(select(Workspace.id).order_by(Workspace.id)).all()
    for start in range(0, len(workspaces), BATCH):
        tenancy.bind(Scope.of(*workspaces[start : start + BATCH]), session)
        found = select(tree_keys.c.workspace_id, tree_keys.c.id, tree_keys.c.sealed)
        found = found.where(tree_keys.c.sealed.is_not(None))
        yield session.execute(found.with_for_update() if locked else found).all()
    tenancy.bind(before if isinstance(before, Scope) else Scope(), session)


def _seal_anew(
    session: Session,
    column: InstrumentedAttribute[str | None],
    keys: SecretKeys,
    row_id: UUID,
    sealed: str,
) -> bool:
    if encryption.opening(keys, sealed) is not Opening.FALLBACK:
        return False
    table = column.class_
    session.execute(
        update(table)
        .where(table.id == row_id)
        .values({column: encryption.seal_anew(keys, sealed)})
        .execution_options(synchronize_session=False)
    )
    return True


def _batches(
    session: Session, column: InstrumentedAttribute[str | None], *, locked: bool = False
) -> Iterator[list[tuple[UUID, str]]]:
    """Read the sealed rows in the order of their ids; each batch in a statement of its own."""
    table, after = column.class_, None
    while True:
        found = select(table.id, column).where(column.is_not(None)).order_by(table.id).limit(BATCH)
        if after is not None:
            found = found.where(table.id > after)
        if locked:
            found = found.with_for_update(key_share=True)
        batch = [(row[0], str(row[1])) for row in session.execute(found)]
        if not batch:
            return
        yield batch
        after = batch[-1][0]
