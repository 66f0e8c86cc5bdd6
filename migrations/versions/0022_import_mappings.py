"""Mappings of foreign files that each workspace keeps, and the one that an import is read by."""

from alembic import context, op

revision = "0022"
down_revision = "0021"

WORKSPACES = "NULLIF(current_setting('auditsaas.workspaces', true), '')::uuid[]"

TABLE = """
CREATE TABLE import_mappings (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    name text NOT NULL,
    form jsonb NOT NULL,
    updated_by uuid NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, name)
)
"""


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(TABLE)
    condition = f"workspace_id = ANY ({WORKSPACES})"
    op.execute("ALTER TABLE import_mappings ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE import_mappings FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY tenant ON import_mappings USING ({condition}) WITH CHECK ({condition})"
    )
    op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON import_mappings TO "{roles.app}"')
    op.execute("ALTER TABLE imports ADD COLUMN mapping jsonb")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE imports DROP COLUMN mapping")
    op.execute("DROP TABLE import_mappings")
