"""Keep daily counts of all workspaces together, for super-admins who look at every log at once.

They are made behind the logs by the owner of the tables, from the daily counts, and hold nothing of
a workspace that is asked first. The platform role alone reads them, and of days and marks only in a
look at every workspace.
"""

from alembic import context, op

revision = "0059"
down_revision = "0058"

LOOKED_AT = "current_setting('auditsaas.looked_at', true)"
CLOSED = "NULLIF(current_setting('auditsaas.not_looked_at', true), '')::uuid[]"
LOG = (
    f"CASE {LOOKED_AT} WHEN 'all' THEN true"
    f" WHEN 'all but' THEN workspace_id <> ALL ({CLOSED})"
    f" WHEN 'jobs' THEN false"
    f" ELSE workspace_id = ANY (NULLIF({LOOKED_AT}, '')::uuid[]) END"
)
EVERY = f"{LOOKED_AT} IN ('all', 'all but')"
HERE = "workspace_id = ANY (bound_workspaces())"

TOGETHER = {
    "platform_days": """
        day timestamptz NOT NULL,
        activity text COLLATE "C" NOT NULL,
        method text COLLATE "C" NOT NULL,
        status text COLLATE "C" NOT NULL,
        n bigint NOT NULL,
        PRIMARY KEY (day, activity, method, status)
    """,
    "platform_marks": """
        kind text PRIMARY KEY,
        upto timestamptz NOT NULL,
        workspaces bigint NOT NULL,
        made_at timestamptz NOT NULL DEFAULT now()
    """,
}
APART = {
    "platform_totals": """
        workspace_id uuid NOT NULL,
        activity text COLLATE "C" NOT NULL,
        method text COLLATE "C" NOT NULL,
        status text COLLATE "C" NOT NULL,
        n bigint NOT NULL,
        PRIMARY KEY (workspace_id, activity, method, status)
    """,
    "platform_heads": """
        workspace_id uuid PRIMARY KEY,
        seq bigint NOT NULL,
        removed bigint NOT NULL,
        closed bigint NOT NULL
    """,
}
POLICIES = (("SELECT", "USING"), ("INSERT", "WITH CHECK"), ("UPDATE", "USING"), ("DELETE", "USING"))


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table, columns in (TOGETHER | APART).items():
        op.execute(f"CREATE TABLE {table} ({columns})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f'GRANT SELECT ON {table} TO "{roles.platform}"')
        seen = LOG if table in APART else EVERY
        op.execute(
            f'CREATE POLICY platform ON {table} FOR SELECT TO "{roles.platform}" USING ({seen})'
        )
    for table in APART:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        for command, clause in POLICIES:
            name = f"tenant_{command.lower()}"
            op.execute(f"CREATE POLICY {name} ON {table} FOR {command} {clause} ({HERE})")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in reversed(TOGETHER | APART):
        op.execute(f"DROP TABLE {table}")
