"""Checks as a kind of background work."""

from __future__ import annotations

from typing import Final

from sqlalchemy import literal_column

from auditsaas.db.tenancy import Scope
from auditsaas.evidence.checking.models import CheckState, TreeCheck
from auditsaas.jobs.kind import Claim, Kind
from auditsaas.jobs.leases import Columns, Leases
from config.celery import HEAVY

CheckClaim = Claim[TreeCheck]
"""The right to check a log."""

CHECKS: Final = Kind(
    name="checks",
    title="Check",
    task="checks.run",
    leases=Leases(
        model=TreeCheck,
        queued=CheckState.QUEUED,
        working=CheckState.RUNNING,
        failed=CheckState.FAILED,
        columns=Columns(progress="done"),
    ),
    scope_of=lambda row: Scope.of(row.workspace_id),
    scope_columns=(TreeCheck.workspace_id,),
    tenant=TreeCheck.workspace_id,
    queue_of=lambda _: HEAVY,
    queue=literal_column(f"'{HEAVY}'"),
)
