"""Cancels, repeats, finds and records exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session, joinedload

from auditsaas import own_actions
from auditsaas.accounts.models import User
from auditsaas.db.ids import first_id_at
from auditsaas.errors import Conflict, Expired, NotFound
from auditsaas.events.event_sources import PRODUCT
from auditsaas.events.models import events
from auditsaas.events.schema import TargetInput
from auditsaas.exports.kind import UNFINISHED
from auditsaas.exports.models import Export, ExportState
from auditsaas.exports.requester import Requester
from auditsaas.own_activities import Activity
from auditsaas.workspaces.models import ApiKey, Workspace

ONE_DOWNLOAD = timedelta(minutes=15)
RUN_AGAIN = (ExportState.FAILED, ExportState.CANCELLED, ExportState.EXPIRED)
TIME_OVER = and_(Export.state == ExportState.READY, Export.expires_at <= func.now())


def cancel(session: Session, export: Export, requester: Requester) -> None:
    """Cancel an unfinished export; the worker that builds it stops within seconds.

    Raises:
        Conflict: it is finished already.
    """
    _change(
        session,
        export,
        Export.state.in_(UNFINISHED),
        "This export is finished already.",
        state=ExportState.CANCELLED,
        lease_until=None,
        finished_at=func.now(),
    )
    record(session, Activity.EXPORT_CANCELLED, export, requester, status_code=303)


def run_again(session: Session, export: Export, requester: Requester) -> None:
    """Build the same file once more: same filter, bounds and snapshot.

    Raises:
        Conflict: it has not ended, or its file is still there.
    """
    _change(
        session,
        export,
        or_(Export.state.in_(RUN_AGAIN), TIME_OVER),
        "Only a failed, cancelled or expired export can be run again.",
        state=ExportState.QUEUED,
        attempts=0,
        rows_done=0,
        lease_until=None,
        file_key=None,
        bytes=None,
        sha256=None,
        bundle_key=None,
        bundle_bytes=None,
        bundle_sha256=None,
        sealed_size=None,
        error=None,
        started_at=None,
        finished_at=None,
        expires_at=None,
    )
    record(session, Activity.EXPORT_REQUESTED, export, requester, status_code=303)


def file_of(export: Export) -> str:
    """Return the key of an export's file.

    Raises:
        Expired: it was removed when its time was over.
        Conflict: there is none yet, or never was.
    """
    state = export.state_now
    if state == ExportState.EXPIRED:
        raise Expired(
            "The time of this file is over, and it has been removed. Run the export again."
        )
    if state != ExportState.READY or export.file_key is None:
        raise Conflict(f"This export is {state}; there is no file to download.")
    return export.file_key


def bundle_of(export: Export) -> str:
    """Return the key of the archive that holds an export's file and its proof.

    Raises:
        Expired: it was removed when its time was over.
        Conflict: there is none yet, or never was.
        NotFound: the export was asked for without proof.
    """
    if not export.proof:
        raise NotFound("This export was asked for without proof. Ask for one with proof.")
    file_of(export)
    if export.bundle_key is None:
        raise Conflict("This export has no proof to download.")
    return export.bundle_key


def record_download(
    session: Session,
    export: Export,
    requester: Requester,
    *,
    status_code: int,
    part: str | None,
    with_proof: bool = False,
) -> None:
    """Append ``export.downloaded``; ``part`` is the range of bytes, where not all were sent.

    A download that is fetched in parts is one: a part is recorded only where the same person or
    key has not downloaded the file within ``ONE_DOWNLOAD``.
    """
    if part is not None and _downloaded_lately(session, export, requester):
        return
    record(
        session,
        Activity.EXPORT_DOWNLOADED,
        export,
        requester,
        status_code=status_code,
        facts={**({"part": part} if part else {}), **({"proof": True} if with_proof else {})},
    )


def record_cut(
    session: Session, export: Export, requester: Requester, *, sent: int, size: int
) -> None:
    """Append that a download, which was recorded when it began, ended before all of it had gone."""
    record(
        session,
        Activity.EXPORT_DOWNLOADED,
        export,
        requester,
        status="error",
        status_code=None,
        facts={"reason": "The reader left before the end.", "sent": sent, "bytes": size},
    )


def _downloaded_lately(session: Session, export: Export, requester: Requester) -> bool:
    since = first_id_at(datetime.now(UTC) - ONE_DOWNLOAD)
    found = session.scalars(
        select(events.c.targets).where(
            events.c.workspace_id == export.workspace_ids[0],
            events.c.activity == Activity.EXPORT_DOWNLOADED.value,
            events.c.source == PRODUCT,
            events.c.id >= since,
            events.c.actor_id == requester.actor.id,
        )
    )
    return any(target["id"] == str(export.id) for targets in found for target in targets or ())


def find(session: Session, visible: ColumnElement[bool], export_id: UUID) -> Export:
    """Find one of the exports that ``visible`` lets through.

    Raises:
        NotFound: there is none, or it is not for this person; they cannot tell which.
    """
    export = session.scalar(select(Export).where(Export.id == export_id, visible))
    if export is None:
        raise NotFound("There is no such export, or it is not yours to see.")
    return export


def is_awaited(session: Session, person_id: UUID) -> bool:
    """Tell whether an export of a person is under way."""
    waiting = exists().where(
        Export.requested_by == person_id,
        Export.state.in_((ExportState.QUEUED, ExportState.BUILDING)),
    )
    return bool(session.scalar(select(waiting)))


def among(session: Session, visible: ColumnElement[bool], ids: Sequence[UUID]) -> Sequence[Export]:
    """Read those of some exports that are visible, newest first, by one statement."""
    found = select(Export).where(Export.id.in_(ids), visible).order_by(Export.id.desc())
    return session.scalars(found).all()


def newest(
    session: Session, visible: ColumnElement[bool], *, limit: int, before: UUID | None = None
) -> Sequence[Export]:
    """List visible exports, newest first; those asked for before one, if it is given."""
    found = select(Export).where(visible)
    if before is not None:
        found = found.where(Export.id < before)
    return session.scalars(found.order_by(Export.id.desc()).limit(limit)).all()


def newest_of_all(platform: Session, *, limit: int, before: UUID | None = None) -> Sequence[Export]:
    """List exports of all workspaces, newest first, as far as the platform pool may see them."""
    found = select(Export).options(
        joinedload(Export.requester).load_only(User.name, User.email),
        joinedload(Export.requesting_key).load_only(ApiKey.name),
    )
    if before is not None:
        found = found.where(Export.id < before)
    return platform.scalars(found.order_by(Export.id.desc()).limit(limit)).all()


def kept_days(session: Session, workspaces: Sequence[UUID]) -> Sequence[int]:
    """Return for how many days the workspaces keep files, each number once."""
    found = select(Workspace.export_days).where(Workspace.id.in_(workspaces)).distinct()
    return session.scalars(found.order_by(Workspace.export_days)).all()


def _change(
    session: Session, export: Export, allowed: ColumnElement[bool], refusal: str, **values: object
) -> None:
    changed = session.scalar(
        update(Export)
        .where(Export.id == export.id, allowed)
        .values(**values)
        .returning(Export.id)
        .execution_options(synchronize_session=False)
    )
    if changed is None:
        raise Conflict(refusal)
    session.refresh(export)


def record(
    session: Session,
    activity: Activity,
    export: Export,
    requester: Requester,
    *,
    status: Literal["success", "error"] = "success",
    status_code: int | None,
    facts: Mapping[str, object] | None = None,
) -> None:
    """Append what was done with an export to the logs of its workspaces."""
    own_actions.record(
        session,
        activity,
        workspaces={
            workspace: requester.roles.get(workspace) for workspace in export.workspace_ids
        },
        actor=requester.actor,
        status=status,
        facts=requester.facts,
        status_code=status_code,
        targets=[TargetInput(type="export", id=str(export.id))],
        metadata={
            "format": export.format,
            "filter": export.asked_filter.describe() or "Everything",
            **(facts or {}),
        },
    )
