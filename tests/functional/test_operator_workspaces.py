"""Operators' commands about workspaces, members, keys and the database."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from auditsaas.accounts.models import User
from auditsaas.operations import revisions
from auditsaas.permissions import Role
from auditsaas.version import version
from auditsaas.workspaces.models import ApiKey, Membership, Workspace
from config.settings import Settings
from tests.functional.test_operator_people import mails_to
from tests.support.commands import Commands, told, told_installation
from tests.support.factories import (
    append_events,
    event_input,
    make_api_key,
    make_member,
    make_user,
    scoped,
    unique,
)


@pytest.fixture
def run(settings: Settings) -> Commands:
    return Commands(settings)


def role_of(workspace: Workspace, user: User) -> str | None:
    with scoped(workspace.id) as session:
        return session.scalar(
            select(Membership.role).where(
                Membership.workspace_id == workspace.id, Membership.user_id == user.id
            )
        )


def test_role_of_the_last_other_admin_is_changed_at_once_and_told(
    run: Commands, workspace: Workspace, admin: User
) -> None:
    other = make_member(workspace)
    run.done("member", "set-role", workspace.slug, other.email, "auditor")
    assert role_of(workspace, other) == "auditor"
    (event,) = told(workspace.id, "member.role_update", other.id)
    assert (event.changes, event.actor_role) == ({"role": ["admin", "auditor"]}, None)
    assert event.metadata == {"command": "auditsaas member set-role"}
    assert len(told_installation("member.role_update", other.id)) == 1
    expected = [("operator.acted", f"{other.name} is made auditor")]
    assert [mails_to(user) for user in (admin, other)] == [expected, expected]


@pytest.mark.parametrize("words", [("set-role", "member"), ("remove",)])
def test_last_active_admin_stays(
    run: Commands, workspace: Workspace, admin: User, words: tuple[str, ...]
) -> None:
    act, *role = words
    sentence = run.refused("member", act, workspace.slug, admin.email, *role)
    assert "keeps at least one active admin" in sentence
    assert role_of(workspace, admin) == "admin"


def test_removed_member_is_out_and_an_admin_is_told_only_of_admins(
    run: Commands, workspace: Workspace, admin: User, client: FlaskClient
) -> None:
    member, other = make_member(workspace, Role.MEMBER), make_member(workspace)
    for user in (member, other):
        run.done("member", "remove", workspace.slug, user.email)
        assert role_of(workspace, user) is None
        assert len(told(workspace.id, "member.remove", user.id)) == 1
    assert mails_to(admin) == [("operator.acted", f"{other.name} is removed")]


def test_added_admin_is_recorded_and_told(run: Commands, workspace: Workspace, admin: User) -> None:
    user = make_user(name="Joan Cho")
    run.done("member", "add", workspace.slug, user.email, "--role", "admin")
    assert told(workspace.id, "member.add", user.id)[0].changes == {"role": [None, "admin"]}
    assert mails_to(admin) == [("operator.acted", "Joan Cho is made an admin")]
    assert "is a member already" in run.refused(
        "member", "add", workspace.slug, user.email, "--role", "member"
    )
    rows = {row["email"]: row["role"] for row in run.listed("member", "list", workspace.slug)}
    assert rows == {admin.email: "admin", user.email: "admin"}


def test_suspended_workspace_refuses_its_key_until_it_is_resumed(
    run: Commands, workspace: Workspace, admin: User, client: FlaskClient
) -> None:
    headers = {"Authorization": f"Bearer {make_api_key(workspace)}"}
    statuses = []
    for act in ("suspend", "resume"):
        run.done("workspace", act, workspace.slug)
        statuses.append(client.get("/api/v1/events", headers=headers).status_code)
        assert len(told(workspace.id, f"workspace.{act}", workspace.id)) == 1
        assert len(told_installation(f"workspace.{act}", workspace.id)) == 1
        assert "uspended" in run.refused("workspace", act, workspace.slug)
    assert statuses == [403, 200]
    assert [title for _, title in mails_to(admin)] == [
        "The workspace is suspended",
        "The workspace is resumed",
    ]


def test_log_of_the_installation_has_no_members_and_keys_and_is_not_suspended(
    run: Commands, admin: User
) -> None:
    # Whatever is recorded there makes it.
    run.done("user", "promote", admin.email)
    for words in (
        ("workspace", "suspend", "system"),
        ("member", "add", "system", admin.email, "--role", "admin"),
        ("api-key", "create", "system", "--name", "App", "--scope", "events:write"),
    ):
        assert "is always there" in run.refused(*words)


def test_workspaces_are_listed_with_members_and_events(run: Commands, admin: User) -> None:
    slug = run.done("workspace", "create", unique("Globex")).partition(":")[0]
    run.done("member", "add", slug, admin.email, "--role", "admin")
    (row,) = [row for row in run.listed("workspace", "list") if row["slug"] == slug]
    # The workspace's creation and its first member are in its log.
    assert (row["state"], row["members"], row["admins"], row["events"]) == ("active", 1, 1, 2)
    assert len(told_installation("workspace.create", row["id"])) == 1
    assert slug in run.done("workspace", "list")


def test_key_is_listed_and_revoked_by_its_id_or_public_part(
    run: Commands, workspace: Workspace, client: FlaskClient
) -> None:
    secret = run.done(
        "api-key", "create", workspace.slug, "--name", "App", "--scope", "events:read"
    ).strip()
    headers = {"Authorization": f"Bearer {secret}"}
    assert client.get("/api/v1/events", headers=headers).status_code == 200
    (row,) = run.listed("api-key", "list", workspace.slug)
    assert len(told(workspace.id, "api_key.create", row["id"])) == 1
    public = "_".join(secret.split("_")[:2])
    assert run.done("api-key", "revoke", workspace.slug, public) == "App: revoked\n"
    assert client.get("/api/v1/events", headers=headers).status_code == 401
    assert "is revoked already" in run.refused("api-key", "revoke", workspace.slug, row["id"])
    assert len(told(workspace.id, "api_key.revoke", row["id"])) == 1
    assert run.listed("api-key", "list", workspace.slug)[0]["state"] == "revoked"


def test_key_of_another_workspace_is_not_found(run: Commands, workspace: Workspace) -> None:
    other = run.done("workspace", "create", unique("Initech")).partition(":")[0]
    make_api_key(workspace)
    with scoped(workspace.id) as session:
        key_id = session.scalars(select(ApiKey.id)).one()
    for name in (key_id, "aud_000000000000", "x", ""):
        assert "has no such key" in run.refused("api-key", "revoke", other, name)


@pytest.mark.parametrize(
    "words",
    [
        ("member", "list"),
        ("member", "set-role", "a@example.com", "member"),
        ("member", "remove", "a@example.com"),
        ("workspace", "suspend"),
        ("workspace", "resume"),
        ("api-key", "list"),
        ("api-key", "revoke", "x"),
    ],
)
@pytest.mark.parametrize("slug", ["no-such", "", "NO SUCH", "a\x00b"])
def test_unknown_workspace_is_told_in_a_sentence(
    run: Commands, words: tuple[str, ...], slug: str
) -> None:
    group, act, *rest = words
    assert "There is no workspace" in run.refused(group, act, slug, *rest)


def test_person_who_is_no_member_is_told(run: Commands, workspace: Workspace) -> None:
    stranger = make_user()
    for words in (("remove",), ("set-role", "admin")):
        act, *rest = words
        assert "no such member" in run.refused("member", act, workspace.slug, stranger.email, *rest)


def test_database_status_tells_schema_partitions_sizes_and_connections(
    run: Commands, workspace: Workspace
) -> None:
    append_events(workspace, [event_input()])
    found = json.loads(run.done("db", "status", "--json"))
    assert (found["revision"], found["pending"]) == (revisions.HEAD, [])
    assert found["partitions"] > 12
    assert found["months_ahead"] >= 3
    assert found["largest_tables"]["events"] > 0
    assert any(role.endswith("_app") for role in found["connections"])
    assert "migrations: none is missing" in run.done("db", "status")


def test_missing_migrations_are_named_and_the_code_is_1(
    run: Commands, owner_engine: Engine
) -> None:
    older = revisions.KNOWN[-3]
    set_to = "UPDATE alembic_version SET version_num = '{}'"
    with owner_engine.begin() as owner:
        owner.exec_driver_sql(set_to.format(older))
    try:
        result = run("db", "status")
    finally:
        with owner_engine.begin() as owner:
            owner.exec_driver_sql(set_to.format(revisions.HEAD))
    assert result.exit_code == 1
    assert f"{', '.join(revisions.KNOWN[-2:])} are missing" in result.stdout


def test_version_asks_no_server(run: Commands) -> None:
    assert json.loads(run.done("version", "--json"))["auditsaas"] == version()
    assert run.done("version").startswith(f"AuditSaaS {version()}\nPython ")
