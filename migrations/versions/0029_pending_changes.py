"""Changes that cannot be undone wait here, to be seen and cancelled, before they take effect."""

from alembic import context, op

revision = "0029"
down_revision = "0028"

WORKSPACES = "NULLIF(current_setting('auditsaas.workspaces', true), '')::uuid[]"

TABLE = """
CREATE TABLE pending_changes (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL DEFAULT '',
    wanted jsonb NOT NULL,
    words text NOT NULL,
    reason text,
    removes bigint,
    asked_by uuid NOT NULL REFERENCES users (id),
    asked_at timestamptz NOT NULL DEFAULT now(),
    effective_at timestamptz NOT NULL,
    needs_second boolean NOT NULL DEFAULT false,
    approved_by uuid REFERENCES users (id),
    approved_at timestamptz,
    reminded_at timestamptz,
    admins_told integer NOT NULL DEFAULT 0,
    super_admins_told integer NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'waiting' CONSTRAINT ck_pending_changes_state CHECK (
        state IN ('waiting', 'applied', 'cancelled', 'replaced')),
    ended_at timestamptz,
    ended_by uuid REFERENCES users (id),
    ended_because text,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX uq_pending_changes_waiting ON pending_changes (workspace_id, kind, subject)
    WHERE state = 'waiting';
"""


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in TABLE.split(";\n"):
        if statement.strip():
            op.execute(statement)
    condition = f"workspace_id = ANY ({WORKSPACES})"
    op.execute("ALTER TABLE pending_changes ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE pending_changes FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY tenant ON pending_changes USING ({condition}) WITH CHECK ({condition})"
    )
    op.execute(f'GRANT SELECT, INSERT, UPDATE ON pending_changes TO "{roles.app}"')
    op.execute(f'GRANT SELECT ON pending_changes TO "{roles.platform}"')
    op.execute(
        f'CREATE POLICY platform ON pending_changes FOR SELECT TO "{roles.platform}" USING (true)'
    )
    op.execute("ALTER TABLE workspaces ADD COLUMN two_admins boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE workspaces DROP COLUMN two_admins")
    op.execute("DROP TABLE pending_changes")
