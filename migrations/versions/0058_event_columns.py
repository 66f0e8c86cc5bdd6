"""Keep the events of each log column by column too, by which they are counted exactly.

Nothing is added to the log or to an append: a worker makes it behind the log, as the owner of the
tables, and the app role only reads it.
"""

from alembic import context, op

revision = "0058"
down_revision = "0057"

LOOKED_AT = "current_setting('auditsaas.looked_at', true)"
CLOSED = "NULLIF(current_setting('auditsaas.not_looked_at', true), '')::uuid[]"
LOG = (
    f"CASE {LOOKED_AT} WHEN 'all' THEN true"
    f" WHEN 'all but' THEN workspace_id <> ALL ({CLOSED})"
    f" WHEN 'jobs' THEN false"
    f" ELSE workspace_id = ANY (NULLIF({LOOKED_AT}, '')::uuid[]) END"
)
JOBS = f"{LOOKED_AT} = 'jobs'"
HERE = "workspace_id = ANY (bound_workspaces())"

TABLES = {
    "event_columns": """
        workspace_id uuid NOT NULL,
        block bigint NOT NULL,
        field text COLLATE "C" NOT NULL,
        last_seq bigint NOT NULL,
        events integer NOT NULL,
        first_minute bigint NOT NULL,
        last_minute bigint NOT NULL,
        words text[],
        counts integer[],
        numbers bytea,
        slices bytea,
        PRIMARY KEY (workspace_id, block, field)
    """,
    "column_heads": """
        workspace_id uuid PRIMARY KEY,
        built_to bigint NOT NULL DEFAULT 0,
        last_id uuid,
        epoch bigint NOT NULL DEFAULT 0,
        made_by integer NOT NULL DEFAULT 0,
        grown_at timestamptz,
        attempts integer NOT NULL DEFAULT 0,
        retry_at timestamptz
    """,
}
POLICIES = (("SELECT", "USING"), ("INSERT", "WITH CHECK"), ("UPDATE", "USING"), ("DELETE", "USING"))


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table, columns in TABLES.items():
        op.execute(f"CREATE TABLE {table} ({columns})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        for command, clause in POLICIES:
            name = f"tenant_{command.lower()}"
            op.execute(f"CREATE POLICY {name} ON {table} FOR {command} {clause} ({HERE})")
        op.execute(f'GRANT SELECT ON {table} TO "{roles.app}", "{roles.platform}"')
        op.execute(
            f'CREATE POLICY platform ON {table} FOR SELECT TO "{roles.platform}" USING ({LOG})'
        )
    op.execute(
        f'CREATE POLICY platform_jobs ON column_heads FOR SELECT TO "{roles.platform}"'
        f" USING ({JOBS})"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
