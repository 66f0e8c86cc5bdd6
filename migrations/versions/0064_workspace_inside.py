"""Keep whether a person's log of one workspace has a column of it.

What people hide stays as it is: the column of workspaces was never there in one, and is not until
they ask for it. Readers and writers notice nothing: the default is constant, so no row is written.
"""

from alembic import op

revision = "0064"
down_revision = "0063"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE users ADD COLUMN workspace_inside boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE users DROP COLUMN workspace_inside")
