"""Saved views: a filter by name, for oneself or for a workspace."""

from alembic import context, op

revision = "0004"
down_revision = "0003b"

WORKSPACES = "NULLIF(current_setting('auditsaas.workspaces', true), '')::uuid[]"
PERSON = "NULLIF(current_setting('auditsaas.person', true), '')::uuid"


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(
        """
        CREATE TABLE saved_views (
            workspace_id uuid NOT NULL,
            id uuid NOT NULL,
            user_id uuid NOT NULL REFERENCES users (id),
            name text NOT NULL,
            query text NOT NULL,
            shared boolean NOT NULL,
            is_default boolean NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (workspace_id, id)
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX uq_saved_views_default ON saved_views (workspace_id, user_id)"
        " WHERE is_default"
    )
    op.execute("ALTER TABLE saved_views ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE saved_views FORCE ROW LEVEL SECURITY")
    own = f"user_id = {PERSON}"
    op.execute(
        f"CREATE POLICY tenant ON saved_views"
        f" USING ({own} OR (shared AND workspace_id = ANY ({WORKSPACES})))"
        f" WITH CHECK ({own})"
    )
    op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON saved_views TO "{roles.app}"')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE saved_views")
