"""Background work with those who hold checkpoints outside: witnesses and anchors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.db.tenancy import Scope
from auditsaas.evidence.anchors import rounds as anchor_rounds
from auditsaas.evidence.anchors.making import Installation
from auditsaas.evidence.witnesses import rounds
from auditsaas.extensions import db, settings
from auditsaas.jobs.queue import task
from auditsaas.outgoing.policy import Policy

log = logging.getLogger(__name__)

SECONDS: Final = 60
"""One run asks no longer than this; who was not asked is still due."""

Due = Callable[[Session], Sequence[tuple[UUID, UUID]]]
Do = Callable[[Session, UUID, UUID], bool]


@task("tree.witness")
def ask_witnesses() -> int:
    """Ask every witness that is due; return how many cosigned."""
    policy = Policy.of(settings())

    def ask(session: Session, workspace_id: UUID, witness_id: UUID) -> bool:
        return rounds.ask(session, policy, workspace_id, witness_id).cosigned is not None

    return _each(rounds.due, ask)


@task("tree.anchor")
def anchor_logs() -> int:
    """Anchor the logs that are due; return how many anchors were made."""
    made = settings()
    installation = Installation(Policy.of(made), made.secret_keys, made.brand_name)

    def anchor(session: Session, workspace_id: UUID, place_id: UUID) -> bool:
        outcome = anchor_rounds.anchor(session, installation, workspace_id, place_id)
        return outcome.anchored is not None

    return _each(anchor_rounds.due, anchor)


def _each(due: Due, do: Do) -> int:
    """Do what is due, one after the other, for a minute; return how many went well."""
    until, done = monotonic() + SECONDS, 0
    with platform_session(JOBS) as platform:
        waiting = due(platform)
    for workspace_id, identity in waiting:
        if monotonic() > until:
            break
        try:
            done += do(tenancy.bind(Scope.of(workspace_id)), workspace_id, identity)
        except SQLAlchemyError:
            # One log must not hold up the others; this is due again in a while.
            db.session.rollback()
            log.exception("The witness or anchor %s could not be asked", identity)
    return done
