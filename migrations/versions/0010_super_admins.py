"""Suspended workspaces, and the reasons that super-admins give for looking into one."""

from alembic import context, op

revision = "0010"
down_revision = "0009"

TABLE = """
CREATE TABLE platform_accesses (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    tenant uuid REFERENCES workspaces (id),
    reason text NOT NULL,
    asked boolean NOT NULL,
    given_at timestamptz NOT NULL
)
"""


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE workspaces ADD COLUMN suspended_at timestamptz")
    op.execute("ALTER TABLE log_heads ADD COLUMN removed bigint NOT NULL DEFAULT 0")
    op.execute(TABLE)
    op.execute("CREATE INDEX ix_platform_accesses_user_id ON platform_accesses (user_id, given_at)")
    op.execute(f'GRANT SELECT, INSERT ON platform_accesses TO "{roles.app}"')
    # The name of the key that asked for an export, and nothing that opens anything.
    op.execute(f'GRANT SELECT (workspace_id, id, name) ON api_keys TO "{roles.platform}"')
    op.execute(f'CREATE POLICY platform ON api_keys FOR SELECT TO "{roles.platform}" USING (true)')


def downgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP POLICY platform ON api_keys")
    op.execute(f'REVOKE SELECT (workspace_id, id, name) ON api_keys FROM "{roles.platform}"')
    op.execute("DROP TABLE platform_accesses")
    op.execute("ALTER TABLE log_heads DROP COLUMN removed")
    op.execute("ALTER TABLE workspaces DROP COLUMN suspended_at")
