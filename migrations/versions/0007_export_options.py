"""Let an export choose its columns and be packed."""

from alembic import op

revision = "0007"
down_revision = "0005"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE exports ADD COLUMN columns text[]")
    op.execute("ALTER TABLE exports ADD COLUMN gzip boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE exports DROP COLUMN gzip")
    op.execute("ALTER TABLE exports DROP COLUMN columns")
