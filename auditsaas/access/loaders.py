"""Loads and authorises the workspaces of a request, and binds them as the session's scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote
from uuid import UUID

from flask import Response, abort, g, redirect, request
from werkzeug.exceptions import HTTPException

from auditsaas import current_request, own_actions
from auditsaas.access import log_reading, who_asks
from auditsaas.access.asked_again import SAFE_METHODS, require_recent
from auditsaas.access.current import require_asking, require_person
from auditsaas.access.log_reading import ReadableLog
from auditsaas.access.who_asks import Belonging
from auditsaas.accounts import passkeys
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import DomainError, Forbidden, NotFound
from auditsaas.extensions import db
from auditsaas.permissions import Permission, Role, allows
from auditsaas.reads.reading import Reader
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.models import FormerSlug, Workspace

ASKED_AGAIN = frozenset(one for one in Permission if one.name.endswith("_MANAGE"))
"""What a person may only do with these is asked again before it is done."""

SECOND_FACTOR_PAGE = "/account/security"
CONFIRM_PAGE = "/account/confirm"


@dataclass(frozen=True)
class WorkspaceAccess:
    """A workspace and the signed-in person's role in it."""

    belonging: Belonging
    person_id: UUID
    lacks_second_factor: bool = False
    """The workspace asks for one, and this session has none; until then nothing is allowed."""

    @property
    def id(self) -> UUID:
        return self.belonging.id

    @property
    def slug(self) -> str:
        return self.belonging.slug

    @property
    def name(self) -> str:
        return self.belonging.name

    @property
    def role(self) -> Role:
        return self.belonging.role

    @property
    def quotas(self) -> Mapping[str, int]:
        return self.belonging.quotas

    @property
    def default_period(self) -> str:
        return self.belonging.default_period

    @property
    def scope(self) -> Scope:
        return Scope.of(self.id, user=self.person_id)

    @cached_property
    def workspace(self) -> Workspace:
        """Read all of the workspace; detached, so that it can still be read after a commit."""
        found = db.session().get_one(Workspace, self.id)
        db.session().expunge(found)
        return found

    @property
    def as_log(self) -> ReadableLog:
        return ReadableLog(
            slug=self.slug, role=self.role.value, recording=self.belonging.read_recording
        )

    def allows(self, permission: Permission) -> bool:
        return not self.lacks_second_factor and allows(self.role, permission)


def load_workspace(
    slug: str, permission: Permission, *, recent: bool | None = None
) -> WorkspaceAccess:
    """Load and authorise a workspace, and bind it as the session's scope.

    A person who manages something is first asked again who they are, unless they said so within ten
    minutes; a route leaves that out, or adds it, by ``recent``.

    Raises:
        NotFound: there is none, or the person is not a member; they cannot tell which.
        Forbidden: their role there lacks the permission, or the workspace is suspended.
    """
    try:
        access = _authorised(slug, permission)
    except (DomainError, HTTPException):
        # Who was let in before has it in scope already.
        tenancy.bind(Scope(user=require_person().id))
        raise
    who_asks.let_in(access.person_id, slug, access.id)
    tenancy.bind(access.scope)
    g.workspace = access
    if _asks_again(permission) if recent is None else recent:
        require_recent()
    return access


def _authorised(slug: str, permission: Permission) -> WorkspaceAccess:
    access = next((mine for mine in _memberships() if mine.slug == slug), None)
    if access is None:
        _lead_to_new_slug(slug)
        raise NotFound("There is no such workspace, or you are not a member of it.")
    if access.belonging.is_suspended:
        raise Forbidden(
            f"{access.name} is suspended. Whoever runs this installation can resume it."
        )
    if access.lacks_second_factor:
        _lead_to_second_factor()
    if not access.allows(permission):
        raise Forbidden(f"Your role in {access.name} does not include this.")
    return access


def _asks_again(permission: Permission) -> bool:
    return permission in ASKED_AGAIN and request.method not in SAFE_METHODS


def _lead_to_new_slug(slug: str) -> None:
    """Send a member of the workspace that was called ``slug`` to the same page of today's name."""
    former = db.session().get(FormerSlug, slug)
    for mine in my_workspaces():
        if former is not None and mine.id == former.tenant:
            rest = current_request.own_address().removeprefix(f"/w/{slug}")
            # 307 keeps the method and is temporary: another workspace may take the name one day.
            abort(redirect(f"/w/{mine.slug}{rest}", 307))


def _lead_to_second_factor(page: str = SECOND_FACTOR_PAGE) -> None:
    """Send the person where a second factor is set up, and afterwards back here."""
    if current_request.is_htmx():
        abort(Response(status=403, headers={"HX-Redirect": page}))
    here = quote(current_request.own_address(), safe="/") if request.method == "GET" else ""
    abort(redirect(f"{page}?needed=1" + (f"&next={here}" if here else ""), 303))


def load_all(permission: Permission) -> Sequence[WorkspaceAccess]:
    """Load every workspace where the person holds the permission, bound together as the scope.

    Raises:
        Forbidden: they hold it nowhere.
    """
    held = [access for access in my_workspaces() if access.allows(permission)]
    if not held and any(access.lacks_second_factor for access in my_workspaces()):
        _lead_to_second_factor()
    if not held:
        raise Forbidden("None of your workspaces gives you a role that includes this.")
    tenancy.bind(Scope.of(*(access.id for access in held), user=require_person().id))
    return held


def load_mine(slug: str | None) -> Sequence[WorkspaceAccess]:
    """Load one of the person's workspaces, or all, bound as the scope, whatever their roles.

    What may be shown of each is for the caller to ask of its access.

    Raises:
        NotFound: there is no such workspace, or the person is not a member of it.
    """
    mine = [access for access in my_workspaces() if slug in (None, access.slug)]
    if slug is not None and not mine:
        raise NotFound("There is no such workspace, or you are not a member of it.")
    if slug is not None:
        [g.workspace] = mine
    bound = (access.id for access in mine if not access.lacks_second_factor)
    tenancy.bind(Scope.of(*bound, user=require_person().id))
    return mine


def load_platform(*, recent: bool = True) -> None:
    """Let super-admins in who have shown a second factor or a passkey, and refuse all others.

    One without is led to set it up, or to show it. Before anything is changed they are asked again
    who they are; a route leaves that out by ``recent``.

    Raises:
        NotFound: the person is not a super-admin; for them these pages do not exist.
    """
    person = require_person()
    if not person.is_super_admin:
        raise NotFound("There is no such page.")
    if not person.second_factor:
        has_one = bool(passkeys.list_passkeys(db.session(), person.id))
        _lead_to_second_factor(CONFIRM_PAGE if has_one else SECOND_FACTOR_PAGE)
    if recent and request.method not in SAFE_METHODS:
        require_recent()


def my_workspaces() -> Sequence[WorkspaceAccess]:
    """List the signed-in person's active memberships, without suspended workspaces, by name."""
    return [mine for mine in _memberships() if not mine.belonging.is_suspended]


def _memberships() -> Sequence[WorkspaceAccess]:
    """List the signed-in person's active memberships by workspace name; read once a request."""
    person = require_person()
    if "my_workspaces" not in g:
        g.my_workspaces = tuple(
            WorkspaceAccess(
                mine, person.id, mine.requires_second_factor and not person.second_factor
            )
            for mine in require_asking().belongings
        )
        log_reading.may_read(
            Reader(id=str(person.id), name=person.name, email=person.email),
            {mine.id: mine.as_log for mine in g.my_workspaces},
        )
    return tuple(g.my_workspaces)


def acting_member(access: WorkspaceAccess) -> ActingMember:
    """Return the acting member of this request."""
    person = require_person()
    return ActingMember(
        workspace_id=access.id,
        user_id=person.id,
        actor=own_actions.person(person.id, name=person.name, email=person.email),
        role=access.role.value,
        facts=current_request.facts(),
    )
