"""Tables that a Citus cluster would spread; plain PostgreSQL is left alone."""

from __future__ import annotations

from click.testing import CliRunner
from sqlalchemy import Engine, text

from auditsaas.cli import cli
from auditsaas.events.writing.sql import FUNCTIONS
from auditsaas.operations.distribute import functions, placement
from config.settings import Settings
from tests.support.workers import process_environment


def test_plain_postgresql_is_reported_and_left_unchanged(settings: Settings) -> None:
    result = CliRunner(env=process_environment(settings)).invoke(cli, ["distribute"])
    assert result.exit_code == 0
    assert result.output == "This database has no extension citus. Nothing was changed.\n"


def test_log_tables_are_distributed_and_people_replicated(owner_engine: Engine) -> None:
    with owner_engine.connect() as connection:
        found = placement(connection)
    assert found.distributed[0] == "events"
    spread = {"log_heads", "event_counts", "event_days", "actors", "memberships", "api_keys"}
    assert spread <= set(found.distributed)
    assert {"users", "workspaces", "sessions", "api_key_lookups"} <= set(found.reference)


def test_distributed_tables_have_no_unique_key_without_the_workspace(owner_engine: Engine) -> None:
    """Citus can hold a key unique only within one node."""
    with owner_engine.connect() as connection:
        spread = set(placement(connection).distributed)
        keys = connection.execute(
            text(
                "SELECT c.relname, array_agg(a.attname::text) FROM pg_index AS i"
                " JOIN pg_class AS c ON c.oid = i.indrelid"
                " JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)"
                " WHERE i.indisunique GROUP BY i.indexrelid, c.relname"
            )
        ).all()
    wrong = [name for name, columns in keys if name in spread and "workspace_id" not in columns]
    assert wrong == []


def test_replicated_tables_reference_no_distributed_table(owner_engine: Engine) -> None:
    with owner_engine.connect() as connection:
        found = placement(connection)
        keys = connection.execute(
            text(
                "SELECT conrelid::regclass::text, confrelid::regclass::text"
                " FROM pg_constraint WHERE contype = 'f'"
            )
        ).all()
    assert [key for key in keys if key[0] in found.reference and key[1] in found.distributed] == []


def test_every_node_gets_the_functions_of_the_schema(owner_engine: Engine) -> None:
    with owner_engine.connect() as connection:
        found = {signature.partition("(")[0] for signature in functions(connection)}
    assert {"fold_json", "fold_text", "bound_workspaces", "bound_person"} <= found
    assert {signature.partition("(")[0] for signature in FUNCTIONS} <= found
