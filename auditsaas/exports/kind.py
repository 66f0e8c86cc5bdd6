"""Exports as a kind of background work."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, func, literal_column

from auditsaas.db.tenancy import Scope
from auditsaas.exports.formats import FORMATS
from auditsaas.exports.models import Export, ExportState
from auditsaas.jobs.kind import Claim, Kind
from auditsaas.jobs.leases import Columns, Leases
from config.celery import HEAVY, QUICK

ExportClaim = Claim[Export]
"""The right to build an export."""

UNFINISHED = (ExportState.QUEUED, ExportState.BUILDING)


def _scope(row: Any) -> Scope:
    return Scope.of(*row.workspace_ids, user=row.requested_by)


def _queue(row: Any) -> str:
    return FORMATS[row.format].queue if row.format in FORMATS else QUICK


_HEAVY = sorted(key for key, made in FORMATS.items() if made.queue == HEAVY)
_QUICK: Any = literal_column(f"'{QUICK}'")

EXPORTS = Kind(
    name="exports",
    title="Export",
    task="exports.build",
    leases=Leases(
        model=Export,
        queued=ExportState.QUEUED,
        working=ExportState.BUILDING,
        failed=ExportState.FAILED,
        columns=Columns(progress="rows_done"),
    ),
    scope_of=_scope,
    scope_columns=(Export.workspace_ids, Export.requested_by),
    tenant=case(
        (func.cardinality(Export.workspace_ids) == 1, Export.workspace_ids[1]),
        else_=Export.requested_by,
    ),
    queue_of=_queue,
    queue_columns=(Export.format,),
    queue=case((Export.format.in_(_HEAVY), literal_column(f"'{HEAVY}'")), else_=_QUICK),
)
