"""Reads of logs, counted by hour until they are appended, and each workspace's choice of it.

The platform role finds the workspaces that have reads to append; what was read it cannot see.
"""

from alembic import context, op

revision = "0032"
down_revision = "0031"

WORKSPACES = "NULLIF(current_setting('auditsaas.workspaces', true), '')::uuid[]"
JOBS = "current_setting('auditsaas.looked_at', true) = 'jobs'"

TABLE = """
CREATE TABLE log_reads (
    workspace_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    reader text COLLATE "C" NOT NULL,
    query_hash bytea NOT NULL,
    id uuid NOT NULL,
    query text NOT NULL,
    name text,
    email text,
    role text,
    pages integer NOT NULL,
    rows bigint NOT NULL,
    parts text[] NOT NULL,
    opened uuid[] NOT NULL,
    addresses text[] NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, hour, reader, query_hash)
)
"""


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(TABLE)
    condition = f"workspace_id = ANY ({WORKSPACES})"
    op.execute("ALTER TABLE log_reads ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE log_reads FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON log_reads USING ({condition}) WITH CHECK ({condition})")
    op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON log_reads TO "{roles.app}"')
    op.execute(f'GRANT SELECT (workspace_id, hour, last_at) ON log_reads TO "{roles.platform}"')
    op.execute(
        f'CREATE POLICY platform ON log_reads FOR SELECT TO "{roles.platform}" USING ({JOBS})'
    )
    op.execute("ALTER TABLE workspaces ADD COLUMN read_recording text NOT NULL DEFAULT 'hourly'")
    op.execute(
        "ALTER TABLE workspaces ADD CONSTRAINT ck_workspaces_read_recording"
        " CHECK (read_recording IN ('off', 'hourly', 'every'))"
    )
    op.execute(f'GRANT UPDATE (read_recording) ON workspaces TO "{roles.app}"')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE workspaces DROP COLUMN read_recording")
    op.execute("DROP TABLE log_reads")
