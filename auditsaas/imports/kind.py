"""Imports as a kind of background work."""

from __future__ import annotations

from typing import Any

from sqlalchemy import literal_column

from auditsaas.db.tenancy import Scope
from auditsaas.imports.models import Import, ImportState
from auditsaas.jobs.kind import Claim, Kind
from auditsaas.jobs.leases import Columns, Leases
from config import celery

ImportClaim = Claim[Import]
"""The right to load a file."""


def _scope(row: Any) -> Scope:
    return Scope.of(row.workspace_id, user=row.requested_by)


IMPORTS = Kind(
    name="imports",
    title="Import",
    task="imports.run",
    leases=Leases(
        model=Import,
        queued=ImportState.QUEUED,
        working=ImportState.RUNNING,
        failed=ImportState.FAILED,
        columns=Columns(progress="bytes_done"),
    ),
    scope_of=_scope,
    scope_columns=(Import.workspace_id, Import.requested_by),
    tenant=Import.workspace_id,
    queue_of=lambda _: celery.IMPORTS,
    queue=literal_column(f"'{celery.IMPORTS}'"),
)
