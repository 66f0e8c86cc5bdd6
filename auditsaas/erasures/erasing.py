"""Takes a person's words out of events, as the owner of the tables: batch by batch.

A batch is one transaction under the locks of the log's head and of what follows it: retention takes
the first and builders the others, so that a run may end anywhere and the next goes on. An event
is only touched once it was found to be what was sealed; else its erasure would hide that it was
changed. The last transaction removes what is known of the person beside the log, and tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.erasures import parts, proofs
from auditsaas.erasures.models import requests
from auditsaas.events.columns import forgetting as columns
from auditsaas.events.models import events, log_heads
from auditsaas.events.words import forgetting
from auditsaas.events.words.heads import HEAD as WORDS
from auditsaas.evidence import erased
from auditsaas.evidence.models import TILE, erasures, tree_heads
from auditsaas.evidence.tree import rows
from auditsaas.pending_changes.kinds import ERASE
from auditsaas.pending_changes.models import ChangeState, PendingChange
from auditsaas.workspaces.models import Workspace

BATCH: Final = 200
"""Events of one transaction, which holds up appends to their log for some tenths of a second."""
ERASING: Final = text("SELECT set_config('auditsaas.erasing', 'yes', true)")


class State(Enum):
    """States in which a run finds or leaves a request."""

    GOES_ON = auto()
    DONE = auto()
    HELD = auto()
    """A legal hold was set since."""
    UNSEALED = auto()
    """Its newest events are not sealed yet."""
    NOT_IN_EFFECT = auto()


@dataclass
class Run:
    """One run over a request: how far it is, and the partitions whose old rows can be vacuumed."""

    state: State = State.GOES_ON
    erased: int = 0
    partitions: set[str] = field(default_factory=set)


def batch(session: Session, workspace_id: UUID, request_id: UUID, run: Run) -> None:
    """Erase the next events of a request; the caller commits.

    Raises:
        NotAsSealed: one of them was changed after it was sealed.
    """
    tenancy.bind(Scope.of(workspace_id), session)
    session.execute(ERASING)
    request = _begun(session, workspace_id, request_id, run)
    if request is None:
        return
    found = _next(session, request)
    _erase(session, request, found, run)
    changes: dict[str, Any] = {"stopped_because": None}
    changes["started_at"] = func.coalesce(requests.c.started_at, func.now())
    if found:
        changes |= {"after": found[-1].id, "erased": requests.c.erased + len(found)}
    session.execute(update(requests).where(*is_of(request)).values(changes))
    run.erased += len(found)
    if len(found) < BATCH:
        run.state = State.DONE


def locked(session: Session, workspace_id: UUID, request_id: UUID) -> Row[Any] | None:
    """Lock the log, what follows it and the request; return that as it is then."""
    WORDS.lock(session, workspace_id)
    columns.lock(session, [workspace_id])
    for heads in (log_heads, tree_heads):
        session.execute(
            select(heads.c.workspace_id)
            .where(heads.c.workspace_id == workspace_id)
            .with_for_update()
        )
    return session.execute(
        select(requests)
        .where(requests.c.workspace_id == workspace_id, requests.c.id == request_id)
        .with_for_update()
    ).one_or_none()


def _begun(session: Session, workspace_id: UUID, request_id: UUID, run: Run) -> Row[Any] | None:
    """Lock the request and what it is about; return it, or None where it must wait."""
    request = locked(session, workspace_id, request_id)
    hold = select(Workspace.legal_hold).where(Workspace.id == workspace_id)
    held = session.scalar(hold.with_for_update(read=True))
    sealed = session.scalar(
        select(tree_heads.c.size).where(tree_heads.c.workspace_id == workspace_id)
    )
    if request is None or request.done_at is not None or not _in_effect(session, request):
        run.state = State.NOT_IN_EFFECT
    elif held:
        run.state = State.HELD
    elif (sealed or 0) < request.up_to:
        run.state = State.UNSEALED
    else:
        return request
    return None


def _in_effect(session: Session, request: Row[Any]) -> bool:
    """Tell whether another admin than the asker confirmed it, and its time has come."""
    change = select(PendingChange.id).where(
        PendingChange.workspace_id == request.workspace_id,
        PendingChange.id == request.id,
        PendingChange.kind == ERASE,
        PendingChange.state == ChangeState.APPLIED,
        PendingChange.effective_at <= func.now(),
        PendingChange.approved_by != PendingChange.asked_by,
    )
    return session.scalar(change) is not None


def _next(session: Session, request: Row[Any]) -> Sequence[Row[Any]]:
    """Select the next events of the person, in the order of their ids."""
    partition = text("events.tableoid::regclass::text AS partition")
    found = select(events.c.id, events.c.seq, partition).where(
        events.c.workspace_id == request.workspace_id,
        events.c.actor_id == request.person,
        events.c.seq <= request.up_to,
    )
    if request.after is not None:
        found = found.where(events.c.id > request.after)
    return list(session.execute(found.order_by(events.c.id).limit(BATCH)))


def _erase(session: Session, request: Row[Any], found: Sequence[Row[Any]], run: Run) -> None:
    if not found:
        return
    workspace_id, seqs = request.workspace_id, [row.seq for row in found]
    tiles = proofs.tiles_of(session, workspace_id, sorted({(seq - 1) // TILE for seq in seqs}))
    before = proofs.erased_before(session, workspace_id, seqs)
    stored = {one.seq: one for one in rows.read_some(session, workspace_id, seqs)}
    made = [
        proofs.proof(row.seq, stored.get(row.seq), tiles, before.get(row.seq), request.slots)
        for row in found
    ]
    ids = {row.seq: row.id for row in found}
    of_all = {"workspace_id": workspace_id, "request_id": request.id}
    kept = insert(erasures)
    changed = {name: kept.excluded[name] for name in ("request_id", "slots", "hashes", "salts")}
    session.execute(
        kept.on_conflict_do_update(index_elements=["workspace_id", "seq"], set_=changed),
        [
            {**of_all, "seq": one.seq, "event_id": ids[one.seq], **erased.written(one)}
            for one in made
        ],
    )
    proofs.destroy_seeds(session, workspace_id, tiles, seqs)
    blank = parts.blanks(parts.of_slots(request.slots), request.pseudonym)
    session.execute(
        update(events)
        .where(events.c.workspace_id == workspace_id, events.c.id.in_(ids.values()))
        .values(blank)
    )
    forgetting.forget(session, workspace_id, seqs)
    columns.forget(session, workspace_id, columns.blocks_of(seqs))
    run.partitions |= {row.partition for row in found}


def is_of(request: Row[Any]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Tell the row of a request from others."""
    return requests.c.workspace_id == request.workspace_id, requests.c.id == request.id
