"""The second wall against writing: who may do what to a row of every table there is."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from flask import Flask
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.operations import rights
from auditsaas.permissions import Role
from config.settings import Settings
from tests.architecture.wall_rows import Row, rows_of_everything
from tests.support.company import Company
from tests.support.factories import as_owner, make_member, make_user, make_workspace

DUE = text(
    "UPDATE pending_changes SET wanted = '{\"retention_days\": 90}',"
    " asked_at = now() - :days * interval '1 day' - interval '7 days',"
    " effective_at = now() - :days * interval '1 day', needs_second = false"
)

World = tuple[Company, list[Row]]

KINDS = ("nobody", "person", "workspace", "colleague", "own", "foreign")
"""The scopes that are tried on a row of a workspace and its admin: none; the admin alone; the
workspace alone, as of a key; with another member of it; with the admin; another workspace with a
member of that."""

# Select, insert, update, delete. A new table gets its line here.
ALLOWED = """
access_requests    ---- s--- s-u- s-u- siu- ----
account_outbox     siud siud siud siud siud siud
actor_emails       ---- ---- s--- s--- s--- ----
actor_names        ---- ---- s--- s--- s--- ----
actors             ---- ---- s-u- s-u- s-u- ----
alembic_version    s--- s--- s--- s--- s--- s---
anchor_places      ---- ---- siu- siu- siu- ----
anchor_secrets     si-d si-d si-d si-d si-d si-d
anchors            ---- ---- si-- si-- si-- ----
api_key_lookups    s--- s--- si-- si-- si-- s---
api_keys           ---- ---- siu- siu- siu- ----
attempts           siud siud siud siud siud siud
checkpoints        ---- ---- siu- siu- siu- ----
column_heads       ---- ---- s--- s--- s--- ----
contested_events   ---- ---- si-- si-- si-- ----
cosignatures       ---- ---- siu- siu- siu- ----
erasure_keys       si-- si-- si-- si-- si-- si--
erasure_requests   ---- ---- si-- si-- si-- ----
erasures           ---- ---- s--- s--- s--- ----
event_columns      ---- ---- s--- s--- s--- ----
event_counts       ---- ---- s--- s--- s--- ----
event_days         ---- ---- s--- s--- s--- ----
event_words        ---- ---- s--- s--- s--- ----
events             ---- ---- s--- s--- s--- ----
exports            ---- s-u- siu- siu- siu- ----
former_slugs       s--- s--- siud siud siud s---
import_mappings    ---- ---- siud siud siud ----
imports            ---- ---- siu- siu- siu- ----
invitation_lookups s--- s--- si-- si-- si-- s---
invitations        ---- ---- siu- siu- siu- ----
known_heads        ---- ---- siu- siu- siu- ----
log_heads          ---- ---- siu- siu- siu- ----
log_reads          ---- ---- siud siud siud ----
mail_choices       ---- siu- ---- ---- siu- ----
mails              ---- siu- ---- ---- siu- ----
memberships        ---- s--- siud siud siud ----
notifications      ---- siu- ---- ---- siu- ----
passkey_challenges siud siud siud siud siud siud
passkeys           siud siud siud siud siud siud
password_resets    si-d si-d si-d si-d si-d si-d
pending_changes    ---- ---- s-u- s-u- siu- ----
platform_accesses  s--- si-- s--- s--- si-- s---
platform_days      ---- ---- ---- ---- ---- ----
platform_heads     ---- ---- ---- ---- ---- ----
platform_looks     ---- siu- siu- siu- siu- ----
platform_marks     ---- ---- ---- ---- ---- ----
platform_totals    ---- ---- ---- ---- ---- ----
recovery_codes     si-d si-d si-d si-d si-d si-d
removals           ---- ---- s--- s--- s--- ----
request_keys       ---- ---- siud siud siud ----
saved_views        ---- s-ud s--- s--- siud ----
schedule_runs      ---- ---- siu- siu- siu- ----
schedules          ---- ---- siu- siu- siu- ----
scope_keys         ---- ---- ---- ---- ---- ----
sealed_links       si-d si-d si-d si-d si-d si-d
seals_seen         ---- ---- ---- ---- siu- ----
sent_forms         ---- siud ---- ---- siud ----
sessions           siud siud siud siud siud siud
setup_links        siu- siu- siu- siu- siu- siu-
tree_checks        ---- ---- siu- siu- siu- ----
tree_findings      ---- ---- siu- siu- siu- ----
tree_heads         ---- ---- siu- siu- siu- ----
tree_keys          ---- ---- siu- siu- siu- ----
tree_leaves        ---- ---- siu- siu- siu- ----
tree_tiles         ---- ---- siu- siu- siu- ----
users              siu- siu- siu- siu- siu- siu-
witness_keys       s--- s--- s--- s--- s--- s---
witnessed          s-u- s-u- s-u- s-u- s-u- s-u-
witnesses          ---- ---- siu- siu- siu- ----
word_heads         ---- ---- s--- s--- s--- ----
workspaces         s--- s--- siu- siu- siu- s---
"""
EXPECTED = {line.split()[0]: line.split()[1:] for line in ALLOWED.split("\n") if line}


@pytest.fixture(scope="module")
def world(app: Flask, owner_engine: Engine) -> World:
    return rows_of_everything(app, owner_engine)


@pytest.fixture(scope="module")
def scopes(world: World) -> dict[str, Scope]:
    company, _ = world
    here, admin = company.workspace.id, company.admin.id
    return {
        "nobody": Scope(),
        "person": Scope(user=admin),
        "workspace": Scope.of(here),
        "colleague": Scope.of(here, user=make_member(company.workspace, Role.MEMBER).id),
        "own": Scope.of(here, user=admin),
        "foreign": Scope.of(make_workspace().id, user=make_user().id),
    }


def found(engine: Engine, world: World, scopes: dict[str, Scope]) -> dict[str, list[str]]:
    """What each scope may do, by table."""
    allowed: dict[str, list[str]] = {row.table: [] for row in world[1]}
    for kind in KINDS:
        with tenancy.bind(scopes[kind], Session(engine)) as session:
            for row in world[1]:
                allowed[row.table].append(row.tried(session.connection()))
    return allowed


def test_each_scope_writes_what_the_table_here_says(
    engine: Engine, world: World, scopes: dict[str, Scope]
) -> None:
    """Of every table in the catalogue: a new one fails until it has its line."""
    assert found(engine, world, scopes) == EXPECTED


def test_wider_policy_is_detected(
    engine: Engine, owner_engine: Engine, world: World, scopes: dict[str, Scope], settings: Settings
) -> None:
    """The control: one policy for reading and writing, as there was."""
    with owner_engine.begin() as owner:
        owner.execute(text("CREATE POLICY wider ON memberships USING (user_id = bound_person())"))
        for command in ("select", "insert", "update", "delete"):
            owner.execute(text(f"DROP POLICY proven_{command} ON memberships"))
    try:
        assert found(engine, world, scopes)["memberships"][1] == "siud"
    finally:
        with owner_engine.begin() as owner:
            owner.execute(text("DROP POLICY wider ON memberships"))
            rights.tighten(owner, str(make_url(settings.database_url).username))


def test_wider_policy_of_tenants_alone_widens_nothing(
    engine: Engine, owner_engine: Engine, world: World, scopes: dict[str, Scope]
) -> None:
    with owner_engine.begin() as owner:
        owner.execute(text("CREATE POLICY wider ON memberships USING (user_id = bound_person())"))
    try:
        assert found(engine, world, scopes) == EXPECTED
    finally:
        with owner_engine.begin() as owner:
            owner.execute(text("DROP POLICY wider ON memberships"))


MEMBERSHIP = "INSERT INTO memberships (workspace_id, user_id, role) VALUES (:here, :me, 'admin')"
EXPORT = (
    "INSERT INTO exports (id, workspace_ids, requested_by, format, query, time_zone, snapshot)"
    " VALUES (gen_random_uuid(), ARRAY[:here, :other], :me, 'csv', '', 'UTC', '{}')"
)
CHANGE = (
    "INSERT INTO pending_changes (workspace_id, id, kind, wanted, words, asked_by, asked_at,"
    " effective_at, approved_by) SELECT :here, gen_random_uuid(), 'retention.shorten', '{}', 'x', "
)
ASKED_LONG_AGO = f"{CHANGE} :me, now() - interval '9 days', now(), NULL"
ASKED_BY_ANOTHER = f"{CHANGE} :colleague, now(), now() + interval '7 days', NULL"
APPROVED_AT_ONCE = f"{CHANGE} :me, now(), now() + interval '7 days', :colleague"
SUPER_ADMIN = (
    "INSERT INTO users (id, email, name, is_super_admin)"
    " VALUES (gen_random_uuid(), 'x@acme.example', 'X', true)"
)
EVENT = (
    "INSERT INTO events (workspace_id, id, seq, occurred_at, received_at, activity, status,"
    " actor_id, platform, browser) VALUES (:here, gen_random_uuid(), 1, now(), now(), 'a.b',"
    " 'success', 'x', 'x', 'x')"
)


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("person", MEMBERSHIP),
        ("foreign", MEMBERSHIP),
        ("person", EXPORT),
        ("own", EXPORT),
        ("own", "UPDATE exports SET workspace_ids = ARRAY[:other]"),
        ("own", "UPDATE users SET is_super_admin = true WHERE id = :me"),
        ("own", "UPDATE users SET disabled_at = NULL"),
        ("own", SUPER_ADMIN),
        ("own", EVENT),
        ("own", "UPDATE log_heads SET seq = seq - 1"),
        ("own", "UPDATE log_heads SET removed = removed + 1"),
        ("own", "UPDATE event_counts SET n = n - 1"),
        ("own", "UPDATE actors SET name = 'Somebody else'"),
        ("own", "UPDATE workspaces SET retention_days = 1"),
        ("own", "UPDATE workspaces SET legal_hold = false"),
        ("own", "UPDATE memberships SET user_id = :me"),
        ("foreign", "SELECT set_retention(:here, 1, false)"),
        ("colleague", "SELECT set_retention(:here, 1, false)"),
        ("workspace", "SELECT set_retention(:here, 1, false)"),
        ("person", "SELECT set_retention(:here, 1, false)"),
        ("own", "SELECT set_disabled(:me, NULL)"),
        ("own", ASKED_LONG_AGO),
        ("own", ASKED_BY_ANOTHER),
        ("own", APPROVED_AT_ONCE),
    ],
)  # fmt: skip
def test_act_that_no_page_offers_is_refused(
    engine: Engine, world: World, scopes: dict[str, Scope], kind: str, statement: str
) -> None:
    here = {"here": world[0].workspace.id, "other": make_workspace().id, "me": scopes[kind].user}
    here["me"] = here["me"] or make_user().id
    here["colleague"] = scopes["colleague"].user
    with tenancy.bind(scopes[kind], Session(engine)) as session:
        with pytest.raises(DBAPIError) as refusal:
            session.execute(text(statement), here)
        assert isinstance(refusal.value.orig, InsufficientPrivilege)


@pytest.mark.parametrize("kind", ["person", "colleague", "own"])
def test_nobody_else_s_shared_view_is_removed(
    engine: Engine, world: World, scopes: dict[str, Scope], kind: str
) -> None:
    remove = text("DELETE FROM saved_views WHERE workspace_id = :here RETURNING user_id")
    with tenancy.bind(scopes[kind], Session(engine)) as session:
        gone = session.scalars(remove, {"here": world[0].workspace.id}).all()
    assert set(gone) <= {scopes[kind].user}


def test_admin_of_the_workspace_sets_its_retention(
    engine: Engine, world: World, scopes: dict[str, Scope]
) -> None:
    """The control of those refusals."""
    asked = {"here": world[0].workspace.id}
    with tenancy.bind(scopes["own"], Session(engine)) as session:
        session.execute(text("SELECT set_retention(:here, NULL, true)"), asked)
        kept = text("SELECT retention_days, legal_hold FROM workspaces WHERE id = :here")
        assert session.execute(kept, asked).one() == (None, True)


@pytest.mark.parametrize(("days_ago", "refused"), [(1, False), (-1, True)])
def test_shorter_retention_needs_a_change_that_is_due(
    engine: Engine, days_ago: int, refused: bool, app: Flask
) -> None:
    company = Company.found(app)
    company.change()
    here = {"here": company.workspace.id, "days": days_ago}
    with as_owner(company.workspace.id) as owner:
        owner.execute(DUE, here)
        owner.commit()
    refusal = pytest.raises(DBAPIError) if refused else nullcontext()
    with tenancy.bind(Scope.of(company.workspace.id), Session(engine)) as session, refusal:
        session.execute(text("SELECT set_retention(:here, 90, false)"), here)


def test_change_asked_for_today_is_never_due(
    engine: Engine, world: World, scopes: dict[str, Scope]
) -> None:
    """A role that may write the time of effect still cannot make the delay shorter than a day."""
    here = {"here": world[0].workspace.id, "me": scopes["own"].user}
    made = f"{CHANGE} :me, now(), now(), NULL".replace("'{}'", "'{\"retention_days\": 1}'")
    with tenancy.bind(scopes["own"], Session(engine)) as session:
        session.execute(text(made), here)
        with pytest.raises(DBAPIError) as refusal:
            session.execute(text("SELECT set_retention(:here, 1, false)"), here)
    assert isinstance(refusal.value.orig, InsufficientPrivilege)
