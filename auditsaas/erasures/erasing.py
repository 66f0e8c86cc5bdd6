"""Takes a person's words out of events, as the owner of the tables: batch by batch.

A batch is one transaction under the locks of the log's head and of its tree's, as retention takes
the first and the builder the second, so that a run may end anywhere and the next goes on. An event
is only touched once it was found to be what was sealed; else its erasure would hide that it was
changed. The last transaction removes what is known of the person beside the log, and tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.erasures import parts
from auditsaas.erasures.models import requests
from auditsaas.events.models import events, log_heads
from auditsaas.evidence import erased
from auditsaas.evidence.erased import NO_SALT, Kept, NotErased
from auditsaas.evidence.format import leaf
from auditsaas.evidence.models import TILE, erasures, tree_heads, tree_leaves
from auditsaas.evidence.tree import rows
from auditsaas.evidence.tree.rows import StoredValues
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


class NotAsSealed(Exception):
    """An event is not what was sealed, so nothing is erased from it."""

    def __init__(self, seq: int) -> None:
        super().__init__(f"Event {seq:,} is not what was sealed. Check the log first.")
        self.seq = seq


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
    """Lock the log, its tree and the request; return that as it is then."""
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
    tiles = _tiles(session, workspace_id, sorted({(seq - 1) // TILE for seq in seqs}))
    before = _kept(session, workspace_id, seqs)
    stored = {one.seq: one for one in rows.read_some(session, workspace_id, seqs)}
    made = [
        _proof(row.seq, stored.get(row.seq), tiles, before.get(row.seq), request.slots)
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
    _destroy_seeds(session, workspace_id, tiles, seqs)
    blank = parts.blanks(parts.of_slots(request.slots), request.pseudonym)
    session.execute(
        update(events)
        .where(events.c.workspace_id == workspace_id, events.c.id.in_(ids.values()))
        .values(blank)
    )
    run.partitions |= {row.partition for row in found}


@dataclass
class _Tile:
    preimages: bytes
    seeds: bytearray


def _tiles(session: Session, workspace_id: UUID, numbers: Sequence[int]) -> dict[int, _Tile]:
    found = session.execute(
        select(tree_leaves.c.n, tree_leaves.c.preimages, tree_leaves.c.seeds).where(
            tree_leaves.c.workspace_id == workspace_id, tree_leaves.c.n.in_(numbers)
        )
    )
    return {row.n: _Tile(row.preimages, bytearray(row.seeds)) for row in found}


def _kept(session: Session, workspace_id: UUID, seqs: Sequence[int]) -> dict[int, Kept]:
    """Read what proves those of the events that were erased in part already."""
    found = select(erasures).where(
        erasures.c.workspace_id == workspace_id, erasures.c.seq.in_(seqs)
    )
    return {
        row.seq: erased.read(row.seq, row.slots, row.hashes, row.salts)
        for row in session.execute(found)
    }


def _proof(
    seq: int,
    stored: StoredValues | None,
    tiles: Mapping[int, _Tile],
    before: Kept | None,
    slots: Sequence[int],
) -> Kept:
    """Make what will prove an event once these slots are erased too.

    Raises:
        NotAsSealed: it is not what was sealed.
    """
    number, place = divmod(seq - 1, TILE)
    tile = tiles.get(number)
    if stored is None or tile is None:
        raise NotAsSealed(seq)
    if before is None:
        seed = bytes(tile.seeds[place * leaf.SEED_BYTES : (place + 1) * leaf.SEED_BYTES])
        before = Kept(seq, {}, leaf.salts_of(seed))
    try:
        hashes = erased.hashes_of_values(stored.values, before)
    except NotErased as error:
        raise NotAsSealed(seq) from error
    sealed = tile.preimages[place * leaf.PREIMAGE_BYTES : (place + 1) * leaf.PREIMAGE_BYTES]
    if leaf.preimage(stored.occurred_at, leaf.fields_hash(hashes)) != sealed:
        raise NotAsSealed(seq)
    gone = sorted({*before.hashes, *slots})
    salts = [NO_SALT if slot in gone else salt for slot, salt in enumerate(before.salts)]
    return Kept(seq, {slot: hashes[slot] for slot in gone}, salts)


def _destroy_seeds(
    session: Session, workspace_id: UUID, tiles: Mapping[int, _Tile], seqs: Sequence[int]
) -> None:
    for seq in seqs:
        number, place = divmod(seq - 1, TILE)
        start = place * leaf.SEED_BYTES
        tiles[number].seeds[start : start + leaf.SEED_BYTES] = erased.NO_SEED
    for number, tile in tiles.items():
        session.execute(
            update(tree_leaves)
            .where(tree_leaves.c.workspace_id == workspace_id, tree_leaves.c.n == number)
            .values(seeds=bytes(tile.seeds))
        )


def is_of(request: Row[Any]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Tell the row of a request from others."""
    return requests.c.workspace_id == request.workspace_id, requests.c.id == request.id
