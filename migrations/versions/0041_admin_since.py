"""Keep since when a person has been an admin, so that new ones do not stand in for those before.

Empty for those who are admins already, and for whom the version before makes one.
"""

from alembic import op

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE memberships ADD COLUMN admin_since timestamptz")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE memberships DROP COLUMN admin_since")
