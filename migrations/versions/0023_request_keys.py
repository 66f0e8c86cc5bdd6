"""Remember for a while when a request with an Idempotency-Key first came."""

from alembic import context, op

revision = "0023"
down_revision = "0022"

WORKSPACES = "NULLIF(current_setting('auditsaas.workspaces', true), '')::uuid[]"

TABLE = """
CREATE TABLE request_keys (
    workspace_id uuid NOT NULL,
    key text NOT NULL,
    arrived_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, key)
)
"""


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(TABLE)
    op.execute("CREATE INDEX ix_request_keys_arrived ON request_keys (workspace_id, arrived_at)")
    condition = f"workspace_id = ANY ({WORKSPACES})"
    op.execute("ALTER TABLE request_keys ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE request_keys FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON request_keys USING ({condition}) WITH CHECK ({condition})")
    op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON request_keys TO "{roles.app}"')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE request_keys")
