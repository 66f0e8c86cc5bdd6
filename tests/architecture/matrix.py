"""Callers and requests of the isolation matrix, and the answers that the permissions imply."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from auditsaas.accounts.models import User
from auditsaas.permissions import ApiScope, Permission, Role, allows
from tests.architecture.needs import KEY, LOG_HASHES, MINE, OWN_VIEW, PERSON, WORKSPACE, Need
from tests.support.company import Company

ANSWERED, SIGN_IN, UNKNOWN, FORBIDDEN, NO_KEY = "answered", "sign in", "404", "403", "401"
TO_ADMIN_LOG = "to the log of all"
READS = frozenset({ApiScope.EVENTS_READ})
SUCCESSES = {200, 201, 202, 204, 302, 303, 307, 409, 415, 422}
"""Let in, though what was sent may make no sense or come too late."""


@dataclass(frozen=True)
class Caller:
    """A caller, with their role in each of the three workspaces."""

    name: str
    user: User | None = None
    roles: dict[UUID, Role] = field(default_factory=dict)
    key: str | None = None
    key_of: UUID | None = None
    scopes: frozenset[ApiScope] = frozenset()

    @property
    def above(self) -> bool:
        return self.user is not None and self.user.is_super_admin


@dataclass(frozen=True)
class World:
    """Two companies and one that is suspended, each with one of everything."""

    app: Flask
    acme: Company
    globex: Company
    closed: Company
    ids: dict[str, dict[str, Any]]
    callers: dict[str, Caller]


@dataclass(frozen=True)
class Case:
    """One request: in whose address, and for whose thing."""

    rule: Rule
    method: str
    place: Company | None
    owner: Company | None

    @property
    def words(self) -> str:
        place = self.place.mark if self.place else ""
        owner = self.owner.mark if self.owner else ""
        return f"{self.method} {self.rule.rule} {place} {owner}".strip()


def cases(world: World) -> Iterator[Case]:
    """Build each rule and method with own ids, with foreign ones, and with a foreign address."""
    pairs = [(one, one) for one in (world.acme, world.globex, world.closed)]
    pairs.insert(1, (world.acme, world.globex))
    for rule in world.app.url_map.iter_rules():
        named = rule.arguments - {"slug", "fragment", "filename", "token"}
        for place, owner in pairs:
            if place is not owner and not ("slug" in rule.arguments and named):
                continue  # without a slug or an id there is nothing to mix
            if place is not world.acme and not ("slug" in rule.arguments or named):
                continue  # it names nobody, so once is enough
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield Case(rule, method, place, owner)


def expected(world: World, caller: Caller, case: Case) -> str:
    endpoint = case.rule.endpoint
    if endpoint in LOG_HASHES:
        known = caller.key is not None
        return _of_key(world, caller, READS, case) if known else UNKNOWN
    if endpoint in KEY:
        return _of_key(world, caller, KEY[endpoint], case)
    if caller.user is None or caller.name == "disabled person":
        return SIGN_IN
    if case.rule.rule.startswith("/admin"):
        return _of_platform(caller, case)
    assert case.owner is not None
    if endpoint in PERSON:
        return ANSWERED
    if endpoint in MINE:
        return _of_person(world, caller, case)
    need = WORKSPACE[endpoint]
    if "slug" in case.rule.arguments:
        return _in_workspace(world, caller, need, case)
    if caller.above and endpoint.startswith("audit_logs."):
        return TO_ADMIN_LOG
    return _anywhere(world, caller, need, case)


def _of_key(world: World, caller: Caller, scopes: frozenset[ApiScope], case: Case) -> str:
    if caller.key_of is None:
        return NO_KEY
    if not scopes <= caller.scopes or caller.key_of == world.closed.workspace.id:
        return FORBIDDEN
    assert case.owner is not None
    # Of exports, keys open those of keys only; these are a person's.
    theirs = "export_id" in case.rule.arguments
    foreign = case.rule.arguments and case.owner.workspace.id != caller.key_of
    return UNKNOWN if foreign or theirs else ANSWERED


def _of_person(world: World, caller: Caller, case: Case) -> str:
    assert caller.user is not None
    assert case.owner is not None
    theirs = caller.user.id == case.owner.admin.id and case.place is case.owner
    shut = "slug" in case.rule.arguments and case.owner is world.closed
    return ANSWERED if theirs and not shut else UNKNOWN


def _of_platform(caller: Caller, case: Case) -> str:
    if not caller.above:
        return UNKNOWN
    # Of exports, super-admins open their own only; these are the tenants'.
    return UNKNOWN if "export_id" in case.rule.arguments else ANSWERED


def _in_workspace(world: World, caller: Caller, need: Need, case: Case) -> str:
    assert case.place is not None
    assert case.owner is not None
    role = caller.roles.get(case.place.workspace.id)
    if role is None:
        return UNKNOWN
    if case.place is world.closed or not allows(role, need.permission):
        return FORBIDDEN
    if case.owner is not case.place:
        return UNKNOWN
    return _of_thing(caller, role, need, case)


def _anywhere(world: World, caller: Caller, need: Need, case: Case) -> str:
    open_ones = {
        key: role for key, role in caller.roles.items() if key != world.closed.workspace.id
    }
    if not any(allows(role, need.permission) for role in open_ones.values()):
        return FORBIDDEN
    assert case.owner is not None
    if not case.rule.arguments - {"fragment"}:
        return ANSWERED
    role = open_ones.get(case.owner.workspace.id)
    if "view_id" in case.rule.arguments:
        need = OWN_VIEW
    return UNKNOWN if role is None else _of_thing(caller, role, need, case)


def _of_thing(caller: Caller, role: Role, need: Need, case: Case) -> str:
    """Return whose the named thing is: the admin made everything here."""
    assert case.owner is not None
    assert caller.user is not None
    if caller.user.id == case.owner.admin.id or (not need.others and not need.makers_only):
        return ANSWERED
    if need.makers_only or not allows(role, need.others or Permission.LOG_READ):
        return UNKNOWN
    return ANSWERED


def outcome(answer: TestResponse) -> str:
    location = answer.location or ""
    if location.startswith("/login"):
        return SIGN_IN
    if location == "/admin/audit-logs" and answer.request.path.startswith("/audit-logs"):
        return TO_ADMIN_LOG
    return ANSWERED if answer.status_code in SUCCESSES else str(answer.status_code)


def sees(world: World, caller: Caller, company: Company, case: Case) -> bool:
    """Tell whether an answer may name the company: to its people and keys, and in its log."""
    if company.workspace.id in caller.roles or caller.key_of == company.workspace.id:
        return True
    return caller.above and case.rule.rule.startswith("/admin")
