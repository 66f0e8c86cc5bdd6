"""Compare each row with the scope that is proven in the same breath, and with no other.

A policy that asks once a statement whether the scope is signed says nothing of what the setting
becomes while the statement runs; one that asks for each row says nothing of what an index was
searched by before. So what proves the scope also gives it: ``proven_workspaces()`` and
``proven_person()`` stand where the tenants' own policies have ``bound_…``. ``nullif(…, false)
IS NOT NULL`` keeps them out of conditions of indexes and, but for half a percent, of estimates.
Where a scope is asked for once, it is so before any row.

Where ``auditsaas db tighten`` has not run, nothing asks for a ticket yet, and no policy changes.
"""

from alembic import context, op
from sqlalchemy import text

revision = "0060"
down_revision = "0059"

FUNCTIONS = {
    "proven_workspaces()": """
CREATE FUNCTION proven_workspaces() RETURNS uuid[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN CASE WHEN scope_is_proven() THEN coalesce(bound_workspaces(), '{}') ELSE '{}' END;
END
$$
""",
    "proven_person()": """
CREATE FUNCTION proven_person() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN CASE WHEN scope_is_proven() THEN bound_person() END;
END
$$
""",
}
ONCE = (
    *("events", "event_counts", "event_days", "event_words", "event_columns"),
    *("actors", "actor_emails", "actor_names", "log_heads", "word_heads", "column_heads"),
)
WALLED = (
    *("workspaces", "api_key_lookups", "invitation_lookups", "former_slugs", "platform_accesses"),
)
BEFORE_ONCE = (
    *("events", "event_counts", "event_days", "event_words", "event_columns"),
    *("actors", "actor_emails", "actor_names"),
)
PROVEN, PROVEN_ONCE = "scope_is_proven()", "(SELECT scope_is_proven())"

POLICIES = text(
    """
    SELECT proven.tablename, proven.cmd, tenant.qual, tenant.with_check
    FROM pg_policies AS proven LEFT JOIN pg_policies AS tenant
    ON tenant.schemaname = proven.schemaname AND tenant.tablename = proven.tablename
    AND tenant.policyname = 'tenant_' || lower(proven.cmd)
    WHERE proven.schemaname = 'public' AND proven.policyname = 'proven_' || lower(proven.cmd)
    ORDER BY 1, 2
    """
)


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    for signature, made in FUNCTIONS.items():
        op.execute(made)
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f'GRANT EXECUTE ON FUNCTION {signature} TO "{roles.app}"')
    for table, command, using, check in op.get_bind().execute(POLICIES).all():
        clauses = {"USING": using, "WITH CHECK": check or using}
        if command != "UPDATE":
            clauses.pop("USING" if command == "INSERT" else "WITH CHECK")
        once = table in ONCE or command == "INSERT"
        changed = " ".join(f"{c} ({proof(table, c, rule, once)})" for c, rule in clauses.items())
        op.execute(f"ALTER POLICY proven_{command.lower()} ON {table} {changed}")


def proof(table: str, clause: str, rule: str | None, once: bool) -> str:
    proven = PROVEN_ONCE if once else PROVEN
    if rule is None:
        return proven
    workspaces, person = "proven_workspaces()", "proven_person()"
    if once:
        # As a subquery of rows, which is hashed: an array of many would be searched one by one.
        rows = f"IN (SELECT unnest((SELECT {workspaces})))"
        rule = rule.replace("= ANY (bound_workspaces())", rows)
        workspaces, person = f"(SELECT {workspaces})::uuid[]", f"(SELECT {person})"
    rule = rule.replace("bound_workspaces()", workspaces).replace("bound_person()", person)
    asked = f"nullif({rule}, false) IS NOT NULL"
    is_first = clause == "USING" and (table in ONCE or table in WALLED)
    return f"{proven} AND {asked}" if is_first else asked


def downgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table, command, _, _ in op.get_bind().execute(POLICIES).all():
        proven = PROVEN_ONCE if table in BEFORE_ONCE or command == "INSERT" else PROVEN
        name = f"proven_{command.lower()}"
        op.execute(f"DROP POLICY {name} ON {table}")
        op.execute(
            f'CREATE POLICY {name} ON {table} AS RESTRICTIVE FOR {command} TO "{roles.app}"'
            f" {'WITH CHECK' if command == 'INSERT' else 'USING'} ({proven})"
        )
    for signature in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {signature}")
