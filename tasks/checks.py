"""Background work on checks of logs: ask for a sample of each, every night."""

from __future__ import annotations

import logging

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from auditsaas.db import tenancy
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.db.tenancy import Scope
from auditsaas.evidence.checking import service
from auditsaas.evidence.checking.kind import CHECKS
from auditsaas.evidence.models import tree_heads
from auditsaas.extensions import db
from auditsaas.jobs.queue import task
from auditsaas.jobs.turns import send_in_turn

log = logging.getLogger(__name__)


@task("checks.ask")
def ask() -> int:
    """Ask for the nightly check of every log that is sealed; return of how many."""
    with platform_session(JOBS) as platform:
        sealed = platform.scalars(select(tree_heads.c.workspace_id)).all()
    asked = 0
    for workspace_id in sealed:
        try:
            made = service.sample(tenancy.bind(Scope.of(workspace_id)), workspace_id)
            db.session.commit()
        except SQLAlchemyError:
            # One log must not hold up the others; it is asked for again tomorrow.
            db.session.rollback()
            log.exception("The log of workspace %s could not be checked", workspace_id)
            continue
        if made is not None:
            send_in_turn(CHECKS, made)
            asked += 1
    return asked
