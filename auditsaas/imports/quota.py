"""Refuses more imports where so many of a workspace or a person have not ended yet."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas.imports.kind import IMPORTS
from auditsaas.imports.models import Import
from auditsaas.quotas.spending import refuse_more_jobs
from auditsaas.workspaces.models import Workspace
from config.settings import Settings


def refuse_more(
    session: Session, settings: Settings, workspace: Workspace, person_id: UUID
) -> None:
    """Raise QuotaSpent where the workspace, or the person there, may not ask for another."""
    counted = select(func.count(), func.count().filter(Import.requested_by == person_id)).where(
        IMPORTS.leases.unfinished(), Import.workspace_id == workspace.id
    )
    of_workspace, of_one = session.execute(counted).one()
    refuse_more_jobs(
        settings, workspace.quotas, of_workspace=of_workspace, of_one=of_one, what="imports"
    )
