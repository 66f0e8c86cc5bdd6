"""Tells of findings: once each, at once, to every admin and super-admin, and in the log itself.

What was told before is only counted; it stays shown until an admin or an operator acknowledges it.
Mails and events name numbers, fields and hashes, and no value of an event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.accounts.service import super_admins
from auditsaas.db import tenancy
from auditsaas.db.ids import new_id
from auditsaas.db.tenancy import Scope
from auditsaas.events.schema import TargetInput
from auditsaas.evidence.checking.finding import FieldDifference, Finding
from auditsaas.evidence.checking.models import TreeFinding
from auditsaas.mail import outbox
from auditsaas.notifications.service import notify
from auditsaas.own_activities import Activity
from auditsaas.workspaces.members import active_admins
from auditsaas.workspaces.models import Workspace

MAIL: Final = "mismatch"
BRAND: Final = "AuditSaaS"
NAMED: Final = 25
"""So many findings of one check are named in its event; all are counted there."""
IN_MAIL: Final = 5


def tell(session: Session, workspace_id: UUID, finding: Finding) -> bool:
    """Tell of one finding; False where it was told before. The session's scope holds its log."""
    return bool(tell_all(session, workspace_id, [finding]))


def tell_all(
    session: Session,
    workspace_id: UUID,
    found: Sequence[Finding],
    *,
    check_id: UUID | None = None,
    left_out: int = 0,
    brand: str = BRAND,
) -> Sequence[Finding]:
    """Keep the findings of a check, and tell of those that are new; return these.

    ``left_out`` is how many more there are, which are not told one by one.
    """
    kept = [_kept(session, workspace_id, finding, check_id) for finding in found]
    fresh = [(key, each) for (key, is_new), each in zip(kept, found, strict=True) if is_new]
    if not fresh:
        return []
    new = [finding for _, finding in fresh]
    own_actions.record(
        session,
        Activity.TREE_MISMATCH,
        workspaces=[workspace_id],
        actor=own_actions.installation(brand),
        status="error",
        targets=_targets(new),
        metadata=_metadata(new, check_id, left_out),
    )
    told = _tell_people(session, workspace_id, new, left_out)
    session.execute(
        update(TreeFinding)
        .where(
            TreeFinding.workspace_id == workspace_id, TreeFinding.id.in_([key for key, _ in fresh])
        )
        .values(told_at=func.now(), admins_told=told)
    )
    return new


def title_of(found: Sequence[Finding], left_out: int = 0) -> str:
    """Write what was found as a headline."""
    more = len(found) + left_out - 1
    if not more:
        return found[0].words
    return f"{found[0].words}, and {more:,} more"


def _kept(
    session: Session, workspace_id: UUID, finding: Finding, check_id: UUID | None
) -> tuple[UUID, bool]:
    """Keep a finding; return its id, and whether it is new."""
    row = {
        "workspace_id": workspace_id,
        "id": new_id(),
        "fingerprint": finding.fingerprint,
        "kind": finding.kind.value,
        "seq": finding.seq,
        "last_seq": finding.last_seq,
        "found": finding.document(),
        "check_id": check_id,
    }
    again = {"last_at": func.now(), "times": TreeFinding.times + 1}
    stored = insert(TreeFinding).values(row)
    stored = stored.on_conflict_do_update(constraint="uq_tree_findings_fingerprint", set_=again)
    key, times = session.execute(stored.returning(TreeFinding.id, TreeFinding.times)).one()
    return key, times == 1


def _targets(found: Sequence[Finding]) -> list[TargetInput]:
    return [
        TargetInput(type="event", id=each.event_id, name=f"Event {each.seq:,}")
        for each in found[:NAMED]
        if each.event_id is not None and each.seq is not None
    ]


def _metadata(found: Sequence[Finding], check_id: UUID | None, left_out: int) -> dict[str, Any]:
    named = [_named(each) for each in found[:NAMED]]
    told: dict[str, Any] = {"differences": len(found) + left_out, "findings": named}
    return told | ({} if check_id is None else {"check": str(check_id)})


def _named(finding: Finding) -> dict[str, Any]:
    """Write a finding without the values of the event."""
    told: dict[str, Any] = {"kind": finding.kind.value, "words": finding.words}
    places = {"seq": finding.seq, "last_seq": finding.last_seq, "other_seq": finding.other_seq}
    told |= {name: place for name, place in places.items() if place is not None}
    fields = [_without_values(each) for each in finding.fields]
    return told | ({"fields": fields} if fields else {})


def _without_values(each: FieldDifference) -> dict[str, str]:
    told = {"field": each.field}
    for name, side in (("expected", each.expected), ("found", each.found)):
        if side.hash is not None:
            told[name] = side.hash
        elif each.slot is None:  # a time, which the seal holds in clear
            told[name] = str(side.value)
    return told


def _tell_people(
    session: Session, workspace_id: UUID, found: Sequence[Finding], left_out: int
) -> int:
    """Ring every admin's bell and mail them, and mail every super-admin; return how many admins.

    The scope before is bound again.
    """
    session.flush()
    before = session.info.get("scope")
    workspace = session.get_one(Workspace, workspace_id)
    admins = active_admins(session, workspace_id)
    facts = _facts(workspace, found, left_out)
    for user_id in admins:
        tenancy.bind(Scope.of(workspace_id, user=user_id), session)
        notify(
            session,
            user_id,
            kind=MAIL,
            title=facts["title"],
            body=f"{workspace.name}: leave the log as it is, and keep the finding.",
            url=facts["url"],
            tenant=workspace_id,
            facts=facts,
            always=True,
        )
    for user_id in super_admins(session, but=admins):
        tenancy.bind(Scope.of(workspace_id, user=user_id), session)
        outbox.put(session, user_id, MAIL, facts)
    tenancy.bind(before if isinstance(before, Scope) else Scope.of(workspace_id), session)
    session.flush()
    return len(admins)


def _facts(workspace: Workspace, found: Sequence[Finding], left_out: int) -> Mapping[str, Any]:
    shown = found[:IN_MAIL]
    return {
        "title": title_of(found, left_out),
        "body": "",
        "url": f"/w/{workspace.slug}/integrity",
        "workspace": workspace.name,
        "found": [each.words for each in shown],
        "more": len(found) - len(shown) + left_out,
    }
