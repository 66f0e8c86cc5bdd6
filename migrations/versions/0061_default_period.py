"""Keep the period that the log opens with: the workspace's, and each person's own.

Readers and writers notice nothing: the defaults are constant, so no row is written.
"""

from alembic import op

revision = "0061"
down_revision = "0060"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE users ADD COLUMN default_period text")
    op.execute("ALTER TABLE workspaces ADD COLUMN default_period text NOT NULL DEFAULT 'all'")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE workspaces DROP COLUMN default_period")
    op.execute("ALTER TABLE users DROP COLUMN default_period")
