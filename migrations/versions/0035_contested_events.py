"""Keep which events stand beside another sender's event of the same key and time."""

from alembic import context, op

revision = "0035"
down_revision = "0034"

TABLE = """
CREATE TABLE contested_events (
    workspace_id uuid NOT NULL,
    asked_id uuid NOT NULL,
    event_id uuid NOT NULL,
    PRIMARY KEY (workspace_id, asked_id, event_id),
    UNIQUE (workspace_id, event_id)
)
"""
HERE = "workspace_id = ANY (bound_workspaces())"

# As the platform role's policy of the log itself.
LOOKED_AT = "current_setting('auditsaas.looked_at', true)"
LOG = (
    f"CASE {LOOKED_AT} WHEN 'all' THEN true"
    " WHEN 'all but' THEN workspace_id <> ALL"
    " (NULLIF(current_setting('auditsaas.not_looked_at', true), '')::uuid[])"
    " WHEN 'jobs' THEN false"
    f" ELSE workspace_id = ANY (NULLIF({LOOKED_AT}, '')::uuid[]) END"
)


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(TABLE)
    op.execute("ALTER TABLE contested_events ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE contested_events FORCE ROW LEVEL SECURITY")
    for command, check in (("SELECT", "USING"), ("INSERT", "WITH CHECK"), ("DELETE", "USING")):
        policy = f"tenant_{command.lower()} ON contested_events FOR {command}"
        op.execute(f"CREATE POLICY {policy} {check} ({HERE})")
    op.execute(f'GRANT SELECT, INSERT ON contested_events TO "{roles.app}"')
    op.execute(
        f'CREATE POLICY platform ON contested_events FOR SELECT TO "{roles.platform}" USING ({LOG})'
    )
    op.execute(f'GRANT SELECT ON contested_events TO "{roles.platform}"')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE contested_events")
