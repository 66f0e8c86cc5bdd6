"""Reserve former slugs for 90 days, after which another workspace may take them.

Until it does, they lead to the workspace that had them.
"""

from alembic import op

revision = "0044"
down_revision = "0043"

OWN = "tenant = ANY (bound_workspaces())"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(
        "ALTER TABLE former_slugs ADD COLUMN reserved_until timestamptz NOT NULL"
        " DEFAULT now() + interval '90 days'"
    )
    _deleted_by(f"{OWN} OR reserved_until < now()")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    _deleted_by(OWN)
    op.execute("ALTER TABLE former_slugs DROP COLUMN reserved_until")


def _deleted_by(condition: str) -> None:
    op.execute("DROP POLICY tenant_delete ON former_slugs")
    op.execute(f"CREATE POLICY tenant_delete ON former_slugs FOR DELETE USING ({condition})")
