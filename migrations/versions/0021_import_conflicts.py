"""Count what an import did not store because its id stands for other content.

And keep what the person who asked wants done with events older than the workspace keeps.
"""

from alembic import op

revision = "0021"
down_revision = "0020"

ADDED = """
ALTER TABLE imports
    ADD COLUMN conflicts bigint NOT NULL DEFAULT 0,
    ADD COLUMN first_conflicts jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN expired text NOT NULL DEFAULT 'refuse' CONSTRAINT ck_imports_expired CHECK (
        expired IN ('refuse', 'skip', 'import'))
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(ADDED)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(
        "ALTER TABLE imports DROP COLUMN conflicts, DROP COLUMN first_conflicts,"
        " DROP COLUMN expired"
    )
