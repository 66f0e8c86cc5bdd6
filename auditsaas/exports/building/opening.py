"""Opens what a file is built of: the rows that an export asks for, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.events.reading.scans.source import source
from auditsaas.evidence.anchors import reports
from auditsaas.exports.building.file_header import about_export
from auditsaas.exports.building.reader import REPLICA_PATIENCE, reader
from auditsaas.exports.columns import COLUMNS
from auditsaas.exports.kind import ExportClaim
from auditsaas.exports.limits import ROW_LIMITS
from auditsaas.exports.models import Export
from auditsaas.exports.source import About, Source
from auditsaas.workspaces.models import Workspace


@dataclass(frozen=True, kw_only=True)
class InstallationOptions:
    """The installation's options for all exports."""

    brand: str = "AuditSaaS"
    row_limits: Mapping[str, int] = field(default_factory=lambda: ROW_LIMITS)
    replica_patience: timedelta = REPLICA_PATIENCE
    """How long a replica may take to have what was asked for, before the primary is read."""


DEFAULT_OPTIONS = InstallationOptions()


@contextmanager
def opened_source(
    claim: ExportClaim, options: InstallationOptions
) -> Iterator[tuple[Session, Source]]:
    """Open the export's rows in one transaction of the pool that its requester read through."""
    export = claim.row
    with reader(claim, options.replica_patience) as session:
        found = session.execute(
            select(Workspace.id, Workspace.slug, Workspace.name).where(
                Workspace.id.in_(export.workspace_ids)
            )
        ).all()
        logs = source(
            session,
            export.workspace_ids,
            export.pinned_filter,
            snapshot=export.snapshot_seqs,
            since=export.since_seqs,
        )
        yield (
            session,
            Source(
                connection=session.connection(),
                select=logs.ordered,
                slugs={row.id: row.slug for row in found},
                zone=ZoneInfo(export.time_zone),
                columns=tuple(export.columns or COLUMNS),
                row_limit=options.row_limits.get(export.format),
                about=_about(claim, {row.id: row.name for row in found}, options.brand),
            ),
        )


def _about(claim: ExportClaim, names: Mapping[UUID, str], brand: str) -> About:
    session = tenancy.bind(claim.scope)
    export = session.get_one(Export, claim.id)
    seal = reports.seal(session, export.workspace_ids[0]) if export.schedule_name else None
    about = about_export(export, names, brand, seal)
    session.commit()
    return about
