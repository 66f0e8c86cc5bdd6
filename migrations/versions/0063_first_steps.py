"""Keep whether a workspace shows its admins what is left to do first.

Readers and writers notice nothing: the default is constant, so no row is written, and workspaces
that are there already show no list.
"""

from alembic import op

revision = "0063"
down_revision = "0062"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE workspaces ADD COLUMN first_steps boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE workspaces DROP COLUMN first_steps")
