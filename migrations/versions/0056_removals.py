"""Note what retention removed, until the log has told of it and its seeds are destroyed."""

from alembic import context, op

revision = "0056"
down_revision = "0055"

HERE = "workspace_id = ANY (bound_workspaces())"

TABLE = """
CREATE TABLE removals (
    workspace_id uuid PRIMARY KEY REFERENCES workspaces (id),
    before timestamptz NOT NULL,
    events bigint NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL
)
"""


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(TABLE)
    op.execute("ALTER TABLE removals ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE removals FORCE ROW LEVEL SECURITY")
    for command, condition in (
        ("SELECT", f"USING ({HERE})"),
        ("INSERT", f"WITH CHECK ({HERE})"),
        ("UPDATE", f"USING ({HERE}) WITH CHECK ({HERE})"),
        ("DELETE", f"USING ({HERE})"),
    ):
        op.execute(f"CREATE POLICY tenant_{command.lower()} ON removals FOR {command} {condition}")
    op.execute(f'GRANT SELECT ON removals TO "{roles.app}"')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE removals")
