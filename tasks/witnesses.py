"""Background work on witnesses: ask those that are due."""

from __future__ import annotations

import logging
from time import monotonic
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from auditsaas.db import tenancy
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.db.tenancy import Scope
from auditsaas.evidence.witnesses import rounds
from auditsaas.extensions import db, settings
from auditsaas.jobs.queue import task
from auditsaas.outgoing.policy import Policy

log = logging.getLogger(__name__)

SECONDS: Final = 60
"""One run asks no longer than this; who was not asked is still due."""


@task("tree.witness")
def ask_witnesses() -> int:
    """Ask every witness that is due; return how many cosigned."""
    policy, until, cosigned = Policy.of(settings()), monotonic() + SECONDS, 0
    with platform_session(JOBS) as platform:
        due = rounds.due(platform)
    for workspace_id, witness_id in due:
        if monotonic() > until:
            break
        try:
            session = tenancy.bind(Scope.of(workspace_id))
            outcome = rounds.ask(session, policy, workspace_id, witness_id)
            cosigned += outcome.cosigned is not None
        except SQLAlchemyError:
            # One log must not hold up the others; its witness is due again in a while.
            db.session.rollback()
            log.exception("The witness %s could not be asked", witness_id)
    return cosigned
