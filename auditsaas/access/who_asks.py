"""Finds who asks, what they belong to and what their page shows of them, in one statement.

Everything is read anew for each request, so a session that ended, a person who was disabled, and a
membership that is gone or has another role count at once. Only what cannot change is remembered
from one request to the next: whose session it is, and which workspace the person was let into by
this slug. So the scope goes along with the statement, and row-level security shows the rows of that
person. Who was let in before is not let in by that: until ``loaders`` has found their membership in
what was read now, nothing is read but this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Row,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    column,
    exists,
    func,
    select,
    table,
    text,
)
from sqlalchemy import cast as cast_to
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.orm import Session

from auditsaas import tokens
from auditsaas.access.browser import Identity
from auditsaas.accounts import sessions
from auditsaas.accounts.models import SignInSession, User
from auditsaas.db import pools, tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.filter.reader import ALL_TIME
from auditsaas.formatting.viewer import Clock, DateFormat, Density, Theme
from auditsaas.notifications.models import Notification
from auditsaas.permissions import Role
from auditsaas.saved_views.models import ALL_MY_WORKSPACES
from auditsaas.saved_views.rows import NO_ROW, ViewRow
from auditsaas.saved_views.service import visible_views
from auditsaas.workspaces.models import Membership, Workspace

MOST_REMEMBERED: Final = 20_000

Key = TypeVar("Key")

_person_of: dict[bytes, UUID] = {}
_workspace_of: dict[tuple[UUID, str], UUID] = {}


@dataclass(frozen=True, kw_only=True)
class AskedPage:
    """Say what a page shows of who asks."""

    slug: str | None = None
    """The workspace that its address names."""
    offers_views: bool = False
    counts_unread: bool = False
    has_bell: bool = False


@dataclass(frozen=True, kw_only=True)
class Belonging:
    """One active membership of the person who asks, and what pages read of its workspace."""

    id: UUID
    slug: str
    name: str
    role: Role
    is_suspended: bool
    requires_second_factor: bool
    read_recording: str
    quotas: Mapping[str, int]
    default_period: str = ALL_TIME
    first_steps: bool = False


@dataclass(frozen=True)
class OfferedView:
    """A saved view as the log offers it."""

    id: UUID
    user_id: UUID
    name: str
    query: str
    is_default: bool
    shared: bool


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Hold who asks, with what was read of them in the same statement."""

    identity: Identity
    seen_long_ago: bool
    """It is time to note the session's use again."""
    belongings: Sequence[Belonging]
    """By the workspace's name, suspended ones too."""
    unread: int | None
    """Unread notifications, where the page shows them and changes none."""
    awaits_export: bool
    """An export of theirs is under way, as far as the page's bell has to know."""
    views: tuple[UUID, Sequence[OfferedView]] | None
    """The place whose saved views were read, and those that the person may use there."""
    view_row: ViewRow = NO_ROW
    """The person's row of these views."""


exports = table("exports", column("requested_by", Uuid))
"""What is asked of exports, whose model stands beside this layer."""


def _statement() -> Select[*tuple[Any, ...]]:
    person, place = bindparam("person", type_=Uuid), bindparam("place", type_=Uuid)
    unread = (
        select(func.count())
        .select_from(Notification)
        .where(Notification.user_id == person, Notification.read_at.is_(None))
    )
    under_way = exists().where(
        exports.c.requested_by == person, text("exports.state IN ('queued', 'building')")
    )
    offered = visible_views(place, person).subquery()
    listed = func.json_build_array(
        *(offered.c.id, offered.c.user_id, offered.c.name, offered.c.query),
        *(offered.c.is_default, offered.c.shared),
    )
    views = select(func.json_agg(listed)).select_from(offered)
    return (
        select(
            *(User.id, User.email, User.name, User.is_super_admin, User.time_zone),
            *(User.date_format, User.clock, User.theme, User.density),
            *(User.single_key_shortcuts, User.hidden_columns, User.workspace_inside),
            User.default_period,
            *(SignInSession.last_seen_at, SignInSession.second_factor_at),
            SignInSession.confirmed_at,
            case((bindparam("counts"), unread.scalar_subquery())).label("unread"),
            and_(bindparam("has_bell", type_=Boolean), under_way).label("awaits_export"),
            case((place.is_not(None), views.scalar_subquery())).label("views"),
            User.view_rows[cast_to(place, Text)].label("view_row"),
            *(Membership.role, Workspace.id.label("workspace_id"), Workspace.slug),
            Workspace.name.label("workspace_name"),
            *(Workspace.suspended_at, Workspace.require_second_factor),
            *(Workspace.read_recording, Workspace.quotas),
            *(Workspace.default_period.label("workspace_period"), Workspace.first_steps),
        )
        .select_from(SignInSession)
        .join(User, User.id == SignInSession.user_id)
        .outerjoin(Membership, (Membership.user_id == User.id) & Membership.disabled_at.is_(None))
        .outerjoin(Workspace, Workspace.id == Membership.workspace_id)
        .where(SignInSession.id_hash == bindparam("id_hash"), *sessions.LIVE)
        .order_by(func.lower(Workspace.name), Workspace.id)
    )


STATEMENT: Final = str(_statement().compile(dialect=psycopg.dialect()))  # type: ignore[no-untyped-call]
pools.READS.add(STATEMENT)


def find(
    session: Session, session_id: str, page: AskedPage, now: datetime | None = None
) -> Asking | None:
    """Find who is signed in by ``session_id``; None if it ended or they are disabled.

    Their own rows are in scope afterwards, and those of the workspace that the page is of, where
    they were let in before.
    """
    if not tokens.well_formed(session_id):
        return None
    now, id_hash = now or datetime.now(UTC), tokens.digest(session_id)
    known = _person_of.get(id_hash)
    rows, place = _read(session, id_hash, known, page, now)
    if rows and rows[0].id != known:
        known = rows[0].id
        _remember(_person_of, id_hash, known)
        rows, place = _read(session, id_hash, known, page, now)
    if not rows:
        _person_of.pop(id_hash, None)
        tenancy.bind(Scope(), session)
        return None
    return _asking(rows, place, now)


def let_in(person: UUID, slug: str, workspace: UUID) -> None:
    """Remember which workspace the person was let into by this slug."""
    _remember(_workspace_of, (person, slug), workspace)


def _read(
    session: Session, id_hash: bytes, person: UUID | None, page: AskedPage, now: datetime
) -> tuple[Sequence[Row[Any]], UUID | None]:
    """Read the rows of who asks, and the place whose saved views came with them."""
    workspace = _workspace_of.get((person, page.slug)) if person and page.slug else None
    place = (workspace if page.slug else ALL_MY_WORKSPACES) if page.offers_views else None
    if person is not None:
        within = frozenset({workspace} if workspace else ())
        tenancy.bind(Scope(workspaces=within, user=person), session)
    asked = {
        "id_hash": id_hash,
        "now": now,
        "idle_since": now - sessions.IDLE_LIMIT,
        "person": person,
        "place": place,
        "counts": page.counts_unread,
        "has_bell": page.has_bell,
    }
    return session.connection().exec_driver_sql(STATEMENT, asked).all(), place


def _asking(rows: Sequence[Row[Any]], place: UUID | None, now: datetime) -> Asking:
    first = rows[0]
    offered = [
        OfferedView(UUID(key), UUID(owner), *rest) for key, owner, *rest in first.views or ()
    ]
    return Asking(
        identity=_identity(first),
        seen_long_ago=first.last_seen_at <= now - sessions.SEEN_NOTED_EVERY,
        belongings=belongings_of(rows),
        unread=first.unread,
        awaits_export=first.awaits_export,
        views=None if place is None else (place, offered),
        view_row=ViewRow.of(first.view_row),
    )


def _identity(row: Row[Any]) -> Identity:
    return Identity(
        id=row.id,
        email=row.email,
        name=row.name,
        is_super_admin=row.is_super_admin,
        time_zone=row.time_zone,
        date_format=cast(DateFormat, row.date_format),
        clock=cast(Clock, row.clock),
        theme=cast(Theme, row.theme),
        density=cast(Density, row.density),
        single_key_shortcuts=row.single_key_shortcuts,
        hidden_columns=tuple(row.hidden_columns),
        workspace_inside=row.workspace_inside,
        default_period=row.default_period,
        second_factor=row.second_factor_at is not None,
        confirmed_at=row.confirmed_at,
    )


def belongings_of(rows: Sequence[Row[Any]]) -> Sequence[Belonging]:
    """Return the active memberships among the rows of who asks."""
    return [_belonging(row) for row in rows if row.workspace_id is not None]


def _belonging(row: Row[Any]) -> Belonging:
    return Belonging(
        id=row.workspace_id,
        slug=row.slug,
        name=row.workspace_name,
        role=Role(row.role),
        is_suspended=row.suspended_at is not None,
        requires_second_factor=row.require_second_factor,
        read_recording=row.read_recording,
        quotas=row.quotas,
        default_period=row.workspace_period,
        first_steps=row.first_steps,
    )


def _remember(known: dict[Key, UUID], key: Key, found: UUID) -> None:
    if len(known) >= MOST_REMEMBERED:
        known.clear()
    known[key] = found
