"""Which request a mail came from, so that its lines can be found."""

from alembic import op

revision = "0018"
down_revision = "0011"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE mails ADD COLUMN request_id text")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE mails DROP COLUMN request_id")
