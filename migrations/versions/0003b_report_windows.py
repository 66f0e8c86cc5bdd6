"""Let an export be a schedule's report: what arrived since the last one, and under what name."""

from alembic import op

revision = "0003b"
down_revision = "0003"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE exports ADD COLUMN since jsonb")
    op.execute("ALTER TABLE exports ADD COLUMN schedule_name text")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE exports DROP COLUMN schedule_name")
    op.execute("ALTER TABLE exports DROP COLUMN since")
