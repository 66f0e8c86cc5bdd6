"""Every way in which the database of an installation is broken: found, and healed by the cure.

Each case breaks the same installation in SQL, follows the doctor's remedy to the letter, and
leaves it well for the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from auditsaas.db.ids import first_id_at
from auditsaas.events.maintenance.partitions import add_months
from auditsaas.operations import doctor
from auditsaas.operations.finding import Verdict
from tests.support.patient import Patient

NOW = datetime.now(UTC)
MONTH, NEXT, LATER = (f"events_{add_months(NOW, ahead):%Y_%m}" for ahead in (0, 1, 3))
APP, PLATFORM = "auditsaas_app", "auditsaas_platform"


def event_in(months: int) -> str:
    """SQL that puts an event of a month into the default partition."""
    moment = add_months(NOW, months)
    return (
        "INSERT INTO events_default (workspace_id, id, seq, occurred_at, received_at, activity,"
        f" status, actor_id, platform, browser, source) SELECT gen_random_uuid(),"
        f" '{first_id_at(moment)}', 1, now(), now(), 'invoice.update', 'success', 'u_1', 'Linux',"
        " 'Firefox', 'cli'"
    )


@dataclass(frozen=True)
class Break:
    """What is done to the database, which check finds it, and a word of what it says."""

    name: str
    sql: str
    check: str
    says: str


BREAKS = [
    # Roles
    Break("bypass", f"ALTER ROLE {APP} BYPASSRLS", "app-role", "BYPASSRLS"),
    Break("superuser", f"ALTER ROLE {PLATFORM} SUPERUSER", "platform-role", "SUPERUSER"),
    Break("replication", f"ALTER ROLE {APP} REPLICATION", "app-role", "REPLICATION"),
    Break("member of the owner", f"GRANT auditsaas_owner TO {APP}", "app-role", "auditsaas_owner"),
    Break("reads all", f"GRANT pg_read_all_data TO {PLATFORM}", "platform-role", "pg_read_all"),
    Break("changes events", f"GRANT UPDATE ON events TO {APP}", "app-role", "events"),
    Break("changes a month", f"GRANT DELETE ON {MONTH} TO {APP}", "app-role", MONTH),
    Break("reads a month", f"GRANT SELECT ON {MONTH} TO {PLATFORM}", "platform-role", MONTH),
    Break("all read a month", f"GRANT SELECT ON {MONTH} TO PUBLIC", "app-role", MONTH),
    Break("platform writes", f"GRANT INSERT ON users TO {PLATFORM}", "platform-role", "users"),
    # Rights
    Break("app lost", f"REVOKE SELECT ON exports FROM {APP}", "grants", "lacks SELECT on exports"),
    Break("platform lost", f"REVOKE SELECT ON events FROM {PLATFORM}", "grants", "lacks SELECT"),
    Break("column lost", f"REVOKE SELECT (name) ON users FROM {PLATFORM}", "grants", "users"),
    Break("write lost", f"REVOKE UPDATE (name) ON users FROM {APP}", "grants", "lacks UPDATE"),
    Break("write lost whole", f"REVOKE INSERT ON sent_forms FROM {APP}", "grants", "sent_forms"),
    Break("delete added", f"GRANT DELETE ON api_keys TO {APP}", "grants", "has DELETE"),
    Break("secrets read", f"GRANT SELECT ON scope_keys TO {APP}", "grants", "scope_keys"),
    Break("all columns", f"GRANT SELECT ON users TO {PLATFORM}", "grants", "has SELECT"),
    Break("public reads", "GRANT SELECT ON sessions TO PUBLIC", "grants", "sessions"),
    Break("makes tables", f"GRANT CREATE ON SCHEMA public TO {APP}", "grants", "make tables"),
    Break(
        "schema closed",
        f"REVOKE USAGE ON SCHEMA public FROM PUBLIC, {APP}",
        "grants",
        "schema public",
    ),
    Break(
        "copy of the log",
        f"CREATE SCHEMA spare; CREATE TABLE spare.copy AS SELECT * FROM events;"
        f" GRANT USAGE ON SCHEMA spare TO {APP}; GRANT SELECT ON spare.copy TO {APP}",
        "grants",
        "spare.copy",
    ),
    Break("rights left over", f"GRANT UPDATE ON users TO {APP}", "rights", "does not use"),
    # The wall between tenants
    Break(
        "wall down", "ALTER TABLE exports DISABLE ROW LEVEL SECURITY", "row-level-security", "exp"
    ),
    Break(
        "not forced", "ALTER TABLE events NO FORCE ROW LEVEL SECURITY", "row-level-security", "eve"
    ),
    Break(
        "policy widened",
        "ALTER POLICY tenant_select ON exports USING (true)",
        "policies",
        "tenant_select on exports was changed",
    ),
    Break(
        "policy added",
        "CREATE POLICY oops ON events USING (true)",
        "policies",
        "oops on events is none of this version's",
    ),
    Break(
        "policy for another role",
        f"ALTER POLICY platform ON mails TO {PLATFORM}, {APP}",
        "policies",
        "platform on mails was changed",
    ),
    Break(
        "platform sees all",
        "ALTER POLICY platform ON events USING (true)",
        "policies",
        "platform on events was changed",
    ),
    Break(
        "policy made permissive",
        "DROP POLICY proven_select ON events;"
        f" CREATE POLICY proven_select ON events FOR SELECT TO {APP} USING (true)",
        "policies",
        "proven_select on events was changed",
    ),
    Break(
        "policy gone",
        "DROP POLICY proven_insert ON mails",
        "policies",
        "proven_insert on mails is missing",
    ),
    Break(
        "ticket not asked for",
        "CREATE OR REPLACE FUNCTION scope_is_proven() RETURNS boolean LANGUAGE sql AS"
        " $function$SELECT true$function$",
        "functions",
        "scope_is_proven() was changed",
    ),
    Break(
        "function called by all",
        "GRANT EXECUTE ON FUNCTION set_disabled(uuid, timestamptz) TO PUBLIC",
        "functions",
        "set_disabled",
    ),
    Break(
        "append changed",
        "DO $function$ DECLARE name text; BEGIN"
        " SELECT oid::regprocedure INTO name FROM pg_proc WHERE proname LIKE 'append_all%';"
        " EXECUTE format('ALTER FUNCTION %s SECURITY INVOKER', name); END $function$",
        "functions",
        "append_all",
    ),
    Break(
        "trigger",
        "CREATE TRIGGER quiet BEFORE INSERT ON mails FOR EACH ROW"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "triggers",
        "quiet on mails",
    ),
    Break(
        "rule",
        "CREATE RULE quiet AS ON DELETE TO sessions DO INSTEAD NOTHING",
        "triggers",
        "quiet on sessions",
    ),
    # The server
    Break(
        "role's commits",
        f"ALTER ROLE {APP} SET synchronous_commit = off",
        "durability",
        "synchronous_commit is off",
    ),
    Break(
        "database's commits",
        "ALTER DATABASE auditsaas SET synchronous_commit = off",
        "durability",
        "synchronous_commit is off",
    ),
    Break(
        "role's commits here",
        f"ALTER ROLE {APP} IN DATABASE auditsaas SET synchronous_commit = off",
        "durability",
        "synchronous_commit is off",
    ),
    Break("unlogged", f"ALTER TABLE {NEXT} SET UNLOGGED", "durability", NEXT),
    Break("few for the role", f"ALTER ROLE {APP} CONNECTION LIMIT 9", "connections", "has 9"),
    Break("few here", "ALTER DATABASE auditsaas CONNECTION LIMIT 9", "connections", "has 9"),
    # The log
    Break("month detached", f"ALTER TABLE events DETACH PARTITION {LATER}", "months", LATER),
    Break(
        "this month hidden",
        f"ALTER TABLE events DETACH PARTITION {MONTH}; CREATE SCHEMA hidden;"
        f" ALTER TABLE {MONTH} SET SCHEMA hidden; {event_in(0)}",
        "months",
        f"hidden.{MONTH}",
    ),
    Break(
        "month renamed, and made again",
        f"ALTER TABLE events DETACH PARTITION {MONTH};"
        f" INSERT INTO {MONTH} {event_in(0).partition('events_default ')[2]};"
        f" ALTER TABLE {MONTH} RENAME TO away; {event_in(0)}",
        "months",
        "away is detached",
    ),
    Break(
        "events in the default partition",
        f"DELETE FROM events_default; ALTER TABLE events DETACH PARTITION {NEXT};"
        f" DROP TABLE {NEXT}; {event_in(1)}",
        "months",
        f"events of {NEXT}",
    ),
    Break(
        "index",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_sessions_user_id'::regclass",
        "indexes",
        "ix_sessions_user_id",
    ),
    Break(
        "index of somebody",
        "CREATE INDEX mine ON mails (kind); UPDATE pg_index SET indisvalid = false"
        " WHERE indexrelid = 'mine'::regclass",
        "indexes",
        "mine",
    ),
]


def test_healthy_installation_has_nothing_wrong(ill: Patient) -> None:
    """The control: without a break, no check of the matrix finds anything."""
    for check in {each.check for each in BREAKS}:
        assert ill.looked_at(check) == []


@pytest.mark.parametrize("case", BREAKS, ids=lambda case: case.name)
def test_break_is_found_and_its_cure_heals_it(ill: Patient, case: Break) -> None:
    ill.sql(case.sql)
    found = ill.looked_at(case.check)
    assert case.says in " ".join(finding.words for finding in found)
    for finding in found:
        ill.follow(finding.remedy)
    assert ill.looked_at(case.check) == []


def test_installation_is_well_after_all_of_it(ill: Patient) -> None:
    ill.lives()
    left = [each for each in doctor.examine(ill.settings) if each.verdict is Verdict.FAIL]
    assert left == []
