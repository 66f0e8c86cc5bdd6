"""Let an application ask for an export with its key: an export is a person's or a key's."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE exports ADD COLUMN requested_by_key uuid")
    op.execute("ALTER TABLE exports ALTER COLUMN requested_by DROP NOT NULL")
    op.execute(
        "ALTER TABLE exports ADD CONSTRAINT ck_exports_requested CHECK ("
        "(requested_by IS NULL) <> (requested_by_key IS NULL))"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    # The owner, too, sees no rows without a scope.
    op.execute("ALTER TABLE exports NO FORCE ROW LEVEL SECURITY")
    op.execute("DELETE FROM exports WHERE requested_by IS NULL")
    op.execute("ALTER TABLE exports FORCE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE exports DROP CONSTRAINT ck_exports_requested")
    op.execute("ALTER TABLE exports ALTER COLUMN requested_by SET NOT NULL")
    op.execute("ALTER TABLE exports DROP COLUMN requested_by_key")
