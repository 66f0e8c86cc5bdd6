"""When each session was last confirmed, and which workspaces ask again before large downloads."""

from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE sessions ADD COLUMN confirmed_at timestamptz")
    op.execute("ALTER TABLE workspaces ADD COLUMN confirm_downloads boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE workspaces DROP COLUMN confirm_downloads")
    op.execute("ALTER TABLE sessions DROP COLUMN confirmed_at")
