"""Keep the quotas that a workspace has of its own, beside those of the installation.

Readers and writers notice nothing: the column's default is constant, so no row is written. Only the
owner of the tables writes it.
"""

from alembic import op

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE workspaces ADD COLUMN quotas jsonb NOT NULL DEFAULT '{}'")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE workspaces DROP COLUMN quotas")
