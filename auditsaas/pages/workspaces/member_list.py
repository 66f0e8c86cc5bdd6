"""The Members page's rows: who is here or invited, filtered, with how active they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from auditsaas.access.browser import initials
from auditsaas.db.ids import first_id_at, time_of
from auditsaas.events.folding import fold
from auditsaas.permissions import Role
from auditsaas.workspaces.invitations import open_invitations
from auditsaas.workspaces.members import members_of

PAGE_ROWS = 100
COUNTED_FOR = timedelta(days=7)
COUNTED_TO = 10_000
STATUSES = ("active", "invited", "disabled")


@dataclass(frozen=True, kw_only=True)
class MemberFilter:
    q: str
    role: str
    status: str
    page: int

    @classmethod
    def of(cls, args: Mapping[str, str]) -> MemberFilter:
        """Read the address; an unknown role, status or page means any, or the first."""
        role, status, page = (args.get(name, "") for name in ("role", "status", "page"))
        return cls(
            q=args.get("q", "").strip()[:100],
            role=role if role in {known.value for known in Role} else "",
            status=status if status in STATUSES else "",
            page=int(page) if page.isascii() and page.isdigit() and len(page) < 5 else 0,
        )

    def matches(self, row: Row) -> bool:
        words = fold(self.q)
        return (
            (not words or words in fold(row.name) or words in fold(row.email))
            and self.role in ("", row.role)
            and self.status in ("", row.status)
        )


@dataclass(frozen=True, kw_only=True)
class Row:
    """A member, or an invited person without events and date of joining."""

    id: UUID
    name: str
    email: str
    role: str
    status: str
    second_factor: bool = False
    joined_at: datetime | None = None
    invited_by: str | None = None
    expires_at: datetime | None = None

    @property
    def initials(self) -> str:
        return initials(self.name.partition("@")[0])


@dataclass(frozen=True)
class Activeness:
    """A person's share of the log."""

    events: int
    """Of the last seven days, counted to 10,000 and one."""
    last_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class MemberList:
    rows: Sequence[Row]
    activeness: Mapping[UUID, Activeness]
    people: int
    invited: int
    page: int
    more: bool
    """There is another page."""


def list_members(
    session: Session, workspace_id: UUID, wanted: MemberFilter, viewer_id: UUID
) -> MemberList:
    """Read one page of the list, the viewer first; the session's scope must hold the workspace."""
    rows = sorted(_everybody(session, workspace_id), key=lambda row: row.id != viewer_id)
    found = [row for row in rows if wanted.matches(row)]
    first = wanted.page * PAGE_ROWS
    shown = found[first : first + PAGE_ROWS]
    invited = sum(row.status == "invited" for row in rows)
    return MemberList(
        rows=shown,
        activeness=_activeness(session, workspace_id, [row.id for row in shown if row.joined_at]),
        people=len(rows) - invited,
        invited=invited,
        page=wanted.page,
        more=len(found) > first + PAGE_ROWS,
    )


def _everybody(session: Session, workspace_id: UUID) -> list[Row]:
    """List active people by role and name, then those invited, then the disabled."""
    rows = [
        Row(
            id=member.user_id,
            name=member.name,
            email=member.email,
            role=member.role.value,
            status="active" if member.active else "disabled",
            second_factor=member.second_factor,
            joined_at=member.joined_at,
        )
        for member in members_of(session, workspace_id)
    ]
    rows += [
        Row(
            id=invitation.id,
            name=invitation.email,
            email=invitation.email,
            role=invitation.role,
            status="invited",
            invited_by=inviter.name,
            expires_at=invitation.expires_at,
        )
        for invitation, inviter in open_invitations(session, workspace_id)
    ]
    roles = [role.value for role in Role]
    return sorted(
        rows,
        key=lambda row: (STATUSES.index(row.status), roles.index(row.role), fold(row.name)),
    )


_ACTIVENESS = text("""
SELECT p.id,
    (SELECT count(*) FROM (
        SELECT FROM events AS e
        WHERE e.workspace_id = :workspace AND e.actor_id = p.id AND e.id >= :since
        LIMIT :limit) AS recent) AS n,
    (SELECT e.id FROM events AS e
     WHERE e.workspace_id = :workspace AND e.actor_id = p.id
     ORDER BY e.id DESC LIMIT 1) AS last_id
FROM unnest(CAST(:people AS text[])) AS p (id)
""")


def _activeness(
    session: Session, workspace_id: UUID, people: Sequence[UUID]
) -> dict[UUID, Activeness]:
    values = {
        "workspace": workspace_id,
        "people": [str(person) for person in people],
        "since": first_id_at(datetime.now(UTC) - COUNTED_FOR),
        "limit": COUNTED_TO + 1,
    }
    return {
        UUID(row.id): Activeness(row.n, time_of(row.last_id) if row.last_id else None)
        for row in session.execute(_ACTIVENESS, values)
    }
