"""The isolation matrix: every route, asked by every kind of caller, with own and foreign ids.

The answer that is expected follows from ``auditsaas.permissions`` and from what ``needs.py`` says
of the route. Run with ``-s`` it prints how many cases there were of each role.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, update
from werkzeug.test import TestResponse

from auditsaas.access import who_asks
from auditsaas.access.loaders import WorkspaceAccess
from auditsaas.access.who_asks import Belonging
from auditsaas.app import create_app
from auditsaas.permissions import ApiScope, Role
from auditsaas.workspaces.models import ApiKey, Workspace
from config.settings import Settings
from tests.architecture.matrix import ANSWERED, Caller, Case, World, cases, expected, outcome, sees
from tests.architecture.needs import KEY, LOG_HASHES, MINE, OPEN, PERSON, PLATFORM, WORKSPACE
from tests.support import factories
from tests.support.company import Company
from tests.support.factories import csrf_token, make_api_key, make_member, make_user, sign_in
from tests.support.sealing import seal

FROM = {"REMOTE_ADDR": "192.0.2.77"}
"""An address of its own, for refused sign-ins are counted by where they come from."""

ROLES = (
    *("signed out", "stranger", "member", "auditor", "admin", "second admin"),
    *("admin of another workspace", "admin of a suspended workspace"),
    *("disabled member", "disabled person", "super-admin"),
    *(
        "key events:write",
        "key events:read",
        "key exports",
        "key that reads and exports",
        "revoked key",
        "key of another",
        "key of a suspended workspace",
    ),
)


def one_of_everything(company: Company) -> dict[str, Any]:
    """An id for each name that addresses have, and for the same name on other pages."""
    schedule = company.schedule()
    invitation, token = company.invitation()
    ids = {
        "change_id": company.change(by_another=True),
        "erasure_id": company.erasure(by_another=True),
        "event_id": company.event(),
        "export_id": company.export(proof=True),
        "finding_id": company.finding(),
        "import_id": company.upload(),
        "invitation_id": invitation,
        "key_id": company.key(),
        "log_id": company.workspace.id,
        "address": "tile/0/000.p/1",
        "mail_id": company.mail(),
        "mapping": company.mapping(),
        "notification_id": company.notification(),
        "request_id": company.request(),
        "workspace_id": company.workspace.id,
        "run_id": company.report(schedule, proof=True),
        "schedule_id": schedule,
        "token": token,
        "user_id": company.person(),
        "view_id": company.view(),
        "everywhere": company.view(everywhere=True),
        "fragment": "count",
        "filename": "app.css",
    }
    seal(company.workspace)
    return ids


@pytest.fixture(scope="module")
def app(settings: Settings, engine: Engine) -> Flask:
    """Without its queue: nothing of this is to be built."""
    made = create_app(replace(settings, redis_url="redis://127.0.0.1:9/0"))
    made.testing = True
    return made


@pytest.fixture(scope="module")
def world(app: Flask) -> World:
    acme, globex, closed = (Company.found(app) for _ in range(3))
    ids = {one.mark: one_of_everything(one) for one in (acme, globex, closed)}
    return World(app, acme, globex, closed, ids, _callers(acme, globex, closed))


@pytest.fixture(autouse=True)
def _closed_is_suspended(world: World) -> None:
    """Before each test, for super-admins resume it as one of their cases."""
    with factories.scoped(world.closed.workspace.id) as session:
        session.execute(update(Workspace).values(suspended_at=func.now()))
        session.commit()


def _callers(acme: Company, globex: Company, closed: Company) -> dict[str, Caller]:
    here = acme.workspace

    def member(name: str, role: Role, **columns: Any) -> Caller:
        roles = {} if columns else {here.id: role}
        return Caller(name, make_member(here, role, **columns), roles)

    def holder(name: str, company: Company, scopes: frozenset[ApiScope]) -> Caller:
        key = make_api_key(company.workspace, scopes)
        return Caller(name, key=key, key_of=company.workspace.id, scopes=scopes)

    revoked = make_api_key(here)
    with factories.scoped(here.id) as session:
        public = revoked.split("_")[1]
        session.execute(
            update(ApiKey).where(ApiKey.public_id == public).values(revoked_at=func.now())
        )
        session.commit()
    found = [
        Caller("signed out"),
        Caller("stranger", make_user()),
        member("member", Role.MEMBER),
        member("auditor", Role.AUDITOR),
        Caller("admin", acme.admin, {here.id: Role.ADMIN}),
        member("second admin", Role.ADMIN),
        Caller("admin of another workspace", globex.admin, {globex.workspace.id: Role.ADMIN}),
        Caller("admin of a suspended workspace", closed.admin, {closed.workspace.id: Role.ADMIN}),
        member("disabled member", Role.ADMIN, disabled_at=func.now()),
        Caller("disabled person", make_user(disabled_at=func.now())),
        Caller("super-admin", make_user(is_super_admin=True)),
        *(holder(f"key {scope}", acme, frozenset({scope})) for scope in ApiScope),
        holder("key that reads and exports", acme, KEY["api.post_export"]),
        Caller("revoked key", key=revoked),
        holder("key of another", globex, frozenset(ApiScope)),
        holder("key of a suspended workspace", closed, frozenset(ApiScope)),
    ]
    return {caller.name: caller for caller in found}


class Asking:
    """One caller's browser or program, which stays signed in."""

    def __init__(self, world: World, caller: Caller) -> None:
        self.world, self.caller = world, caller
        self.client: FlaskClient = world.app.test_client()
        self._enter()

    def _enter(self) -> None:
        if self.caller.user is not None:
            sign_in(self.client, self.caller.user)
        self.token = csrf_token(self.client)

    def ask(self, case: Case, *, used_up: bool) -> TestResponse:
        """Send it; ``used_up`` says that it may change what it names, so that is made for it."""
        assert case.owner is not None
        assert case.place is not None
        known = self.world.ids[case.owner.mark]
        if used_up:
            known = {**known, **_for_once(case)}
        values = {name: known.get(name) for name in case.rule.arguments}
        values["slug"] = case.place.workspace.slug
        if "view_id" in case.rule.arguments and "slug" not in case.rule.arguments:
            values["view_id"] = known["everywhere"]
        built = case.rule.build(values, append_unknown=False)
        assert built is not None
        headers = {"Authorization": f"Bearer {self.caller.key}"} if self.caller.key else {}
        form = {"csrf_token": self.token} if case.method != "GET" else None
        answer = self.client.open(
            built[1], method=case.method, data=form, headers=headers, environ_base=FROM
        )
        if case.rule.endpoint in ("accounts.sign_out", "accounts.sign_in"):
            self._enter()
        return answer


def _for_once(case: Case) -> dict[str, Any]:
    company, endpoint = case.owner, case.rule.endpoint
    assert company is not None
    if endpoint.startswith("members.re"):
        return {"invitation_id": company.invitation()[0], "user_id": company.person()}
    if endpoint.endswith("_change"):
        return {"change_id": company.change(by_another=True)}
    if "request_id" in case.rule.arguments:
        return {"request_id": company.request()}
    if endpoint == "saved_views.remove":
        return {"view_id": company.view(), "everywhere": company.view(everywhere=True)}
    if endpoint == "import_mappings.remove":
        return {"mapping": company.mapping()}
    if endpoint == "schedules.delete":
        return {"schedule_id": company.schedule()}
    return {}


@dataclass
class Found:
    """Answers that differ from the table, and answers that named another company."""

    count: int = 0
    wrong: dict[str, tuple[str, str]] = field(default_factory=dict)
    leaks: list[str] = field(default_factory=list)


def walk(world: World, caller: Caller, asked: Iterable[Case]) -> Found:
    """Ask all of it as ``caller``."""
    asking, found = Asking(world, caller), Found()
    for case in asked:
        found.count += 1
        if case.rule.endpoint in OPEN:
            answer = asking.ask(case, used_up=False)
            fine = answer.status_code < 500 or case.rule.endpoint == "health.ready"
            if not fine or answer.status_code == 403:
                found.wrong[case.words] = (ANSWERED, str(answer.status_code))
            continue
        wanted = expected(world, caller, case)
        answer = asking.ask(case, used_up=wanted == ANSWERED and case.method != "GET")
        if outcome(answer) != wanted:
            found.wrong[case.words] = (wanted, outcome(answer))
        body = answer.get_data()
        for company in (world.acme, world.globex, world.closed):
            if company.mark.encode() in body and not sees(world, caller, company, case):
                found.leaks.append(case.words)
    return found


@pytest.mark.parametrize("name", ROLES)
def test_every_caller_gets_exactly_what_their_role_permits(world: World, name: str) -> None:
    found = walk(world, world.callers[name], cases(world))
    print(f"{name}: {found.count} cases")
    assert found.wrong == {}
    assert found.leaks == []


def pages_of_acme(world: World) -> list[Case]:
    found = [case for case in cases(world) if case.place is case.owner is world.acme]
    return [case for case in found if case.method == "GET" and "slug" in case.rule.arguments]


def test_missing_permission_check_is_detected(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a loader that lets every member do everything."""
    monkeypatch.setattr(WorkspaceAccess, "allows", lambda access, permission: True)
    found = walk(world, world.callers["member"], pages_of_acme(world))
    assert ("403", ANSWERED) in found.wrong.values()


def test_loader_without_membership_check_is_detected(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the first wall: who is a member is not asked."""
    loaded = [
        Belonging(
            id=one.workspace.id,
            slug=one.workspace.slug,
            name=one.workspace.name,
            role=Role.ADMIN,
            is_suspended=False,
            requires_second_factor=False,
            read_recording=one.workspace.read_recording,
            quotas={},
        )
        for one in (world.acme, world.globex)
    ]
    monkeypatch.setattr(who_asks, "belongings_of", lambda _rows: loaded)
    found = walk(world, world.callers["stranger"], pages_of_acme(world))
    assert ("404", ANSWERED) in found.wrong.values()
    assert found.leaks != []


def test_table_lists_every_route_and_no_other(app: Flask) -> None:
    listed = [WORKSPACE.keys(), PLATFORM, PERSON, MINE, OPEN, KEY.keys(), LOG_HASHES]
    routes = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert set().union(*listed) == routes
    assert sum(map(len, listed)) == len(routes)


def test_matrix_covers_every_route_and_method_by_every_role(world: World) -> None:
    asked = {(case.rule.rule, case.method) for case in cases(world)}
    there = {
        (rule.rule, method)
        for rule in world.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert asked == there
    assert set(ROLES) == world.callers.keys()
    print(f"{len(there)} routes, {len(ROLES)} roles, {len(list(cases(world))) * len(ROLES)} cases")
