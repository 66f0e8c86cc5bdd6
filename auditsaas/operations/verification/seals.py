"""Verifies the log of one workspace against its seal: every event, every hash, every checkpoint."""

from __future__ import annotations

from sqlalchemy.orm import Session

from auditsaas.evidence.checking import scanning
from auditsaas.operations.verification.damage import Damage, Report
from auditsaas.workspaces.models import NamedWorkspace


def verify(session: Session, workspace: NamedWorkspace) -> Report:
    """Verify the log of a workspace against its seal; the session's transaction is this look's."""
    with scanning.snapshot(session, workspace.id):
        size = scanning.sealed_size(session, workspace.id)
    found = scanning.check(session, workspace.id)
    return Report(
        part="seal",
        name=workspace.slug,
        words=f"{size:,} events are as they were sealed" if size else "nothing is sealed yet",
        figures={"sealed": size, "differences": len(found)},
        damages=tuple(Damage(each.kind.value, each.words) for each in found),
    )
