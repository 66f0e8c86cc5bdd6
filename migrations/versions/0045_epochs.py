"""Keep when a log was brought back from a backup, for its numbers may name other events since.

Readers and writers notice nothing: the column's default is constant, so no row is written.
"""

from alembic import op

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE log_heads ADD COLUMN epochs jsonb NOT NULL DEFAULT '[]'")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE log_heads DROP COLUMN epochs")
