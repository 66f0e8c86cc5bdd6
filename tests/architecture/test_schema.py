"""The schema rules that let one schema serve plain PostgreSQL and Citus, read from the database."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import Engine, text

from auditsaas.app import create_app
from auditsaas.extensions import Base
from config.celery import SETTINGS
from config.settings import Settings

LIVE = "n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"


@pytest.fixture(scope="module")
def catalogue(owner_engine: Engine) -> Engine:
    return owner_engine


def rows(engine: Engine, sql: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def tenant_tables(engine: Engine) -> set[str]:
    found = rows(
        engine,
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'"
        f" WHERE {LIVE}",
    )
    return {str(name) for (name,) in found}


def test_every_key_of_a_tenant_table_holds_its_workspace(catalogue: Engine) -> None:
    keys = rows(
        catalogue,
        "SELECT t.relname, i.indexrelid::regclass::text,"
        " array(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = t.oid"
        "       AND a.attnum = ANY (i.indkey::int2[]))"
        " FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid"
        " WHERE i.indisunique AND NOT t.relispartition AND t.relkind IN ('r', 'p')",
    )
    tenants = tenant_tables(catalogue)
    assert {"events", "memberships", "api_keys", "log_heads"} <= tenants
    lacking = [
        key for table, key, columns in keys if table in tenants and "workspace_id" not in columns
    ]
    assert lacking == []


def test_every_tenant_table_is_behind_a_forced_policy_without_a_subquery(catalogue: Engine) -> None:
    walls = dict(
        rows(
            catalogue,
            "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity FROM pg_class c"
            f" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {LIVE}",
        )
    )
    assert [table for table in tenant_tables(catalogue) if not walls[table]] == []
    policies = rows(
        catalogue,
        "SELECT tablename, coalesce(qual, '') || coalesce(with_check, '') FROM pg_policies"
        " WHERE policyname NOT LIKE 'proven%'",  # which a cluster goes without
    )
    assert [table for table, words in policies if "SELECT" in str(words).upper()] == []


def test_ids_are_made_by_the_application(catalogue: Engine) -> None:
    assert rows(catalogue, "SELECT relname FROM pg_class WHERE relkind = 'S'") == []
    assert rows(catalogue, "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == []


def test_no_foreign_key_touches_the_events_and_each_between_tenants_holds_the_workspace(
    catalogue: Engine,
) -> None:
    keys = rows(
        catalogue,
        "SELECT c.conname, c.conrelid::regclass::text, c.confrelid::regclass::text,"
        " array(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.conrelid"
        "       AND a.attnum = ANY (c.conkey))"
        " FROM pg_constraint c WHERE c.contype = 'f'",
    )
    tenants = tenant_tables(catalogue)
    assert [name for name, source, target, _ in keys if "events" in (source, target)] == []
    between = [key for key in keys if key[1] in tenants and key[2] in tenants]
    assert [key[0] for key in between if "workspace_id" not in key[3]] == []


def test_the_app_role_may_only_read_events(catalogue: Engine, settings: Settings) -> None:
    role = settings.database_url.partition("://")[2].split(":")[0].split("@")[0]
    granted = rows(
        catalogue,
        "SELECT table_name, string_agg(privilege_type, ' ' ORDER BY privilege_type)"
        " FROM information_schema.role_table_grants"
        f" WHERE grantee = '{role}' AND table_name LIKE 'events%' GROUP BY 1",
    )
    assert granted == [("events", "SELECT")]


def test_models_and_migrations_agree_on_tables_and_columns(
    catalogue: Engine, settings: Settings
) -> None:
    create_app(settings)
    for module in SETTINGS["include"]:
        import_module(module)  # some tables only workers know
    modelled = {(t.name, c.name) for t in Base.metadata.tables.values() for c in t.columns}
    migrated = set(
        rows(
            catalogue,
            "SELECT c.relname, a.attname FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
            f" WHERE {LIVE} AND c.relname <> 'alembic_version'",
        )
    )
    assert modelled == migrated
