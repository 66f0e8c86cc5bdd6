"""Files that people upload to be imported."""

from alembic import context, op

revision = "0011"
down_revision = "0010"

WORKSPACES = "NULLIF(current_setting('auditsaas.workspaces', true), '')::uuid[]"

TABLE = """
CREATE TABLE imports (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    requested_by uuid NOT NULL REFERENCES users (id),
    name text NOT NULL,
    format text NOT NULL,
    time_zone text,
    file_key text,
    bytes bigint NOT NULL,
    state text NOT NULL DEFAULT 'queued' CONSTRAINT ck_imports_state CHECK (
        state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    fence bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    bytes_total bigint,
    bytes_done bigint NOT NULL DEFAULT 0,
    added bigint NOT NULL DEFAULT 0,
    already_there bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    first_refused jsonb NOT NULL DEFAULT '[]',
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX ix_imports_unfinished ON imports (created_at) WHERE state IN ('queued', 'running');
"""


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in TABLE.split(";\n"):
        if statement.strip():
            op.execute(statement)
    condition = f"workspace_id = ANY ({WORKSPACES})"
    op.execute("ALTER TABLE imports ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE imports FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON imports USING ({condition}) WITH CHECK ({condition})")
    op.execute(f'GRANT SELECT, INSERT, UPDATE ON imports TO "{roles.app}"')
    op.execute(f'GRANT SELECT ON imports TO "{roles.platform}"')
    op.execute(f'CREATE POLICY platform ON imports FOR SELECT TO "{roles.platform}" USING (true)')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE imports")
