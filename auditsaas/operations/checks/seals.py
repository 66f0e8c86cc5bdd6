"""Checks whether logs are what was sealed, by what the nightly checks found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas.db import platform, tenancy
from auditsaas.db.platform import JOBS
from auditsaas.db.tenancy import Scope
from auditsaas.evidence.checking import service
from auditsaas.evidence.checking.models import CheckState, TreeCheck, TreeFinding
from auditsaas.evidence.models import tree_heads
from auditsaas.operations.checks.check import Check, Sight
from auditsaas.operations.finding import Finding, fail, ok, warn
from auditsaas.workspaces.models import Workspace

LATE: Final = timedelta(hours=50)
SHOWN: Final = 3


def _seals(sight: Sight) -> Iterator[Finding]:
    open_findings = (
        select(TreeFinding.workspace_id, func.count().label("n"))
        .where(TreeFinding.acknowledged_at.is_(None))
        .group_by(TreeFinding.workspace_id)
        .order_by(TreeFinding.workspace_id)
    )
    with platform.bind(Session(sight.platform), JOBS) as session:
        differing = session.execute(open_findings).all()
        ended = func.max(TreeCheck.finished_at).filter(TreeCheck.state == CheckState.DONE)
        last, first = session.execute(select(ended, func.min(TreeCheck.created_at))).one()
        sealed = session.scalar(select(func.count()).select_from(tree_heads)) or 0
    for row in differing:
        yield _differing(sight, row.workspace_id, row.n)
    since = last or first
    if since is not None and since < datetime.now(UTC) - LATE and not differing:
        words = "no log was compared with its seal for two nights"
        yield warn("seals", words, "See that beat and the worker of the heavy queue run.")
    elif not differing:
        yield ok("seals", f"no difference is known in {sealed:,} sealed logs")


def _differing(sight: Sight, workspace_id: UUID, number: int) -> Finding:
    with tenancy.bind(Scope.of(workspace_id), Session(sight.app)) as session:
        slug = session.scalar(select(Workspace.slug).where(Workspace.id == workspace_id))
        found = service.findings(session, workspace_id, limit=SHOWN)
        words = "; ".join(each.found["words"] for each in found)
    more = f"; and {number - len(found):,} more" if number > len(found) else ""
    return fail(
        "seals",
        f"{slug}: {words}{more}",
        f"Leave the log as it is, and keep the finding: /w/{slug}/integrity. Look again with:"
        f" auditsaas tree check {slug} --all",
    )


CHECKS = (Check("seals", _seals),)
