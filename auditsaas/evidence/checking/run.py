"""Checks one log, as the work of its job; an attempt that was cut off goes on where it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any, Final

from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.evidence.checking import scanning, told
from auditsaas.evidence.checking.finding import Finding
from auditsaas.evidence.checking.kind import CHECKS, CheckClaim
from auditsaas.evidence.checking.models import CheckKind, CheckState, TreeCheck
from auditsaas.evidence.models import TILE
from auditsaas.jobs.heartbeat import Heartbeat
from auditsaas.jobs.runner import Job
from config.celery import CHECK_SOFT_LIMIT

TOLD: Final = 500
"""So many findings of one check are told one by one; all are counted."""
TOO_LONG: Final = (
    "Checking took too long: it was stopped after"
    f" {CHECK_SOFT_LIMIT.total_seconds() / 3600:g} hours. Ask again, with auditsaas tree check."
)


@dataclass(frozen=True)
class Outcome:
    """The result of a check."""

    findings: Sequence[Finding]
    tiles: int
    """How many tiles differ."""


def check_job(brand: str) -> Job[TreeCheck, Outcome]:
    """Define the job that checks a log, in an installation of this name."""
    return Job(
        kind=CHECKS,
        doing="Checking",
        work=_check,
        finish=partial(_finish, brand=brand),
        fail=_fail,
        reason_of=lambda _: None,
        last_words=lambda _, attempts: f"The log could not be checked, {attempts} tries.",
        too_long=TOO_LONG,
    )


def _check(claim: CheckClaim, heartbeat: Heartbeat) -> Outcome:
    workspace_id, asked = claim.row.workspace_id, claim.row
    session = tenancy.bind(claim.scope)
    size = asked.size
    if size is None:
        size = scanning.sealed_size(session, workspace_id)
    tiles = _tiles(session, claim, size)
    wrong = scanning.Wrong(list(asked.found.get("tiles", ())), asked.found.get("more", 0))
    ends = [*accumulate((min(TILE, size - n * TILE) for n in tiles), initial=0)]
    for behind, found in scanning.damaged(session, workspace_id, tiles[asked.reached :], size):
        wrong.add(found)
        reached = asked.reached + behind
        kept = {"tiles": wrong.tiles, "more": wrong.more}
        far = {"size": size, "total": ends[-1], "reached": reached, "found": kept}
        _note(session, claim, ends[reached], far)
        heartbeat.progress(ends[reached])
    findings = scanning.explained(session, workspace_id, wrong)
    return Outcome(findings, len(wrong.tiles) + wrong.more)


def _tiles(session: Session, claim: CheckClaim, size: int) -> Sequence[int]:
    if claim.row.kind == CheckKind.ALL:
        return scanning.all_tiles(size)
    return scanning.sampled(session, claim.row.workspace_id, size, claim.row.id)


def _note(session: Session, claim: CheckClaim, done: int, values: dict[str, Any]) -> None:
    """Keep how far the check is.

    Raises:
        LostLease: another worker goes on with it.
    """
    if not claim.renew(session, done, **values):
        raise claim.lost()
    session.commit()


def _finish(session: Session, claim: CheckClaim, made: Outcome, *, brand: str) -> None:
    findings = made.findings[:TOLD]
    left_out = len(made.findings) - len(findings)
    new = told.tell_all(
        session,
        claim.row.workspace_id,
        findings,
        check_id=claim.id,
        left_out=left_out,
        brand=brand,
    )
    counted = {"differences": len(made.findings), "new": len(new), "tiles_differing": made.tiles}
    claim.conclude(session, CheckState.DONE, found=counted)


def _fail(session: Session, claim: CheckClaim, reason: str) -> None:
    claim.conclude(session, CheckState.FAILED, error=reason)
