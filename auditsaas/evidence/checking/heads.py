"""Checks what stands above the tiles: levels, roots, checkpoints, and the end of the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import DateTime, cast, func, select, true
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.event_sources import PRODUCT
from auditsaas.events.models import events, log_heads
from auditsaas.events.models import removals as noted_removals
from auditsaas.evidence.checking.finding import Finding, FindingKind
from auditsaas.evidence.checking.ground import Ground, Signed
from auditsaas.evidence.format.leaf import HASH_BYTES, micros_of
from auditsaas.evidence.format.merkle import root_of
from auditsaas.evidence.models import TILE, seals_seen, tree_tiles
from auditsaas.evidence.tree import keys, rows
from auditsaas.evidence.tree.rows import StoredValues
from auditsaas.evidence.tree.store import cut
from auditsaas.evidence.witnesses import outside
from auditsaas.own_activities import Activity
from auditsaas.workspaces.models import Membership, Workspace

CHECKPOINTS: Final = 1000
"""So many of the newest are checked, beside all that are kept for good."""
STRAYS: Final = 1000
BEFORE_ALL: Final = -(1 << 63)
NEVER: Final = (1 << 62) - 1


def log_end(session: Session, workspace_id: UUID) -> int:
    """Read the newest number that the log has given."""
    mine = log_heads.c.workspace_id == workspace_id
    return session.scalar(select(log_heads.c.seq).where(mine)) or 0


def removed_before(session: Session, workspace_id: UUID) -> int:
    """Read the time in µs before which retention may have removed events.

    It is the latest cut that the log tells of, or that of the workspace's retention now.
    """
    before = cast(events.c.metadata.op("->>")("before"), DateTime(timezone=True))
    told = select(func.max(before)).where(
        events.c.workspace_id == workspace_id,
        events.c.activity == Activity.RETENTION_APPLY,
        events.c.source == PRODUCT,
    )
    days = select(Workspace.retention_days).where(Workspace.id == workspace_id)
    now = select(func.now() - days.scalar_subquery() * func.make_interval(0, 0, 0, 1))
    noted = select(noted_removals.c.before).where(noted_removals.c.workspace_id == workspace_id)
    moments = [session.scalar(found) for found in (told, now, noted)]
    return max((micros_of(each) for each in moments if each is not None), default=BEFORE_ALL)


def strays(session: Session, workspace_id: UUID, size: int) -> list[StoredValues]:
    """Read the rows whose numbers the log never gave."""
    last = max(size, log_end(session, workspace_id))
    beyond = rows.read(session, workspace_id, last + 1, NEVER)
    below = rows.read(session, workspace_id, -NEVER, 0)
    return [row for found in (below, beyond) for row, _ in zip(found, range(STRAYS), strict=False)]


def ends(session: Session, workspace_id: UUID, ground: Ground) -> Iterator[Finding]:
    """Compare the end of the log with the end of its seal."""
    last = log_end(session, workspace_id)
    if last < ground.size:
        yield Finding(
            kind=FindingKind.BEHIND,
            words=(
                f"The log ends at {last:,} and {ground.size:,} events were sealed:"
                " it was rolled back, or restored from a backup that is older than its seal"
            ),
            seq=last + 1,
            last_seq=ground.size,
        )
    for signed in ground.signed(limit=1):
        if signed.size > ground.size and signed.wrong is None:
            yield Finding(
                kind=FindingKind.BEHIND,
                words=(
                    f"The seal ends at {ground.size:,} and a checkpoint of {signed.size:,} was"
                    " signed: it was rolled back"
                ),
                seq=ground.size + 1,
                last_seq=signed.size,
                details={"checkpoint": signed.note},
            )


def levels(session: Session, workspace_id: UUID, ground: Ground) -> Iterator[Finding]:
    """Compare each stored level above the first, and the stored root, with those below it."""
    below, level = ground.tiles, 2
    while len(below) >= TILE:
        full = len(below) // TILE
        folded = [root_of(below[TILE * n : TILE * (n + 1)]) for n in range(full)]
        stored = _level(session, workspace_id, level, full)
        for n in range(full):
            if stored[n] != folded[n]:
                width = TILE**level
                yield _of_seal(
                    f"The seal’s hash over the numbers {n * width + 1:,} to {(n + 1) * width:,}"
                    " is not that of their leaves",
                    expected=folded[n],
                    found=stored[n],
                )
                break
        below, level = folded, level + 1
    root = ground.root_at(ground.size)
    if root != ground.root:
        yield _of_seal(
            "The seal’s stored root is not that of its leaves", expected=root, found=ground.root
        )


def checkpoints(session: Session, workspace_id: UUID, ground: Ground) -> Iterator[Finding]:
    """Compare what was signed and what people saw with what the leaves fold to."""
    fitting, first_wrong = 0, None
    for signed in sorted(ground.signed(limit=CHECKPOINTS), key=lambda each: each.size):
        if signed.wrong is not None:
            yield _not_signed(signed)
        elif not ground.tells(signed.size) or first_wrong is not None:
            continue
        elif ground.fits_at(signed.size, signed.root):
            fitting = signed.size
        else:
            first_wrong = signed
    if first_wrong is not None:
        yield _other_history(fitting, first_wrong.size, first_wrong.root, first_wrong.note)
    for size, root, at in _seen(session, workspace_id):
        if ground.tells(size) and not ground.fits_at(size, root):
            day = at.astimezone(UTC).isoformat(timespec="seconds")
            yield _other_history(0, size, root, None, f"that a member saw at {day}")


def held_outside(session: Session, workspace_id: UUID, ground: Ground) -> Iterator[Finding]:
    """Compare the log with the checkpoints that witnesses and anchors are known to hold."""
    for held in outside.known(session, workspace_id):
        if held.size > ground.size:
            yield Finding(
                kind=FindingKind.BEHIND,
                words=(
                    f"The seal ends at {ground.size:,}, and {held.holder} holds a checkpoint of"
                    f" {held.size:,}: an older backup was restored over the log"
                ),
                seq=ground.size + 1,
                last_seq=held.size,
                details={"checkpoint": held.note},
            )
        elif ground.tells(held.size) and not ground.fits_at(held.size, held.root):
            which = f"that {held.holder} holds"
            yield _other_history(0, held.size, held.root, held.note, which)


def _level(session: Session, workspace_id: UUID, level: int, full: int) -> list[bytes]:
    found = select(tree_tiles.c.n, tree_tiles.c.hashes).where(
        tree_tiles.c.workspace_id == workspace_id, tree_tiles.c.level == level
    )
    stored = {
        row.n * TILE + at: hashed
        for row in session.execute(found)
        for at, hashed in enumerate(cut(row.hashes, HASH_BYTES))
    }
    return [stored.get(n, b"") for n in range(full)]


def _seen(session: Session, workspace_id: UUID) -> Sequence[tuple[int, bytes, datetime]]:
    """Read the head that each member last saw, which only they may read; bind the scope again.

    What they saw before the log was begun anew was another log.
    """
    origin = keys.current_origin(session, workspace_id)
    every = keys.verifier_keys(session, workspace_id)
    begun = min((key.made_at for key in every if key.origin == origin), default=None)
    before = session.info.get("scope")
    mine = Membership.workspace_id == workspace_id
    members = session.scalars(select(Membership.user_id).where(mine)).all()
    found: list[tuple[int, bytes, datetime]] = []
    for user_id in members:
        tenancy.bind(Scope.of(workspace_id, user=user_id), session)
        seen = select(seals_seen.c.size, seals_seen.c.root, seals_seen.c.at).where(
            seals_seen.c.workspace_id == workspace_id,
            seals_seen.c.user_id == user_id,
            seals_seen.c.at >= begun if begun is not None else true(),
        )
        found += [(row.size, row.root, row.at) for row in session.execute(seen)]
    tenancy.bind(before if isinstance(before, Scope) else Scope.of(workspace_id), session)
    return found


def _of_seal(words: str, *, expected: bytes, found: bytes) -> Finding:
    return Finding(
        kind=FindingKind.SEAL,
        words=words,
        details={"expected": expected.hex(), "found": found.hex(), "same_as": words},
    )


def _not_signed(signed: Signed) -> Finding:
    return Finding(
        kind=FindingKind.CHECKPOINT,
        words=f"The checkpoint of {signed.size:,} is not what the log signed: {signed.wrong}",
        last_seq=signed.size,
        details={"checkpoint": signed.note},
    )


def _other_history(
    fitting: int, size: int, root: bytes, note: str | None, which: str = "that was signed"
) -> Finding:
    """Build the finding that the log is another one than a checkpoint says."""
    details: dict[str, Any] = {"expected": root.hex(), "same_as": which}
    return Finding(
        kind=FindingKind.CHECKPOINT,
        words=(
            f"The log does not fit the checkpoint of {size:,} {which}: one of the numbers"
            f" {fitting + 1:,} to {size:,} was changed, and the seal was rebuilt over it"
        ),
        seq=fitting + 1,
        last_seq=size,
        details=details | ({} if note is None else {"checkpoint": note}),
    )
