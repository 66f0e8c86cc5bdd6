"""Hide the log's new column of sources until a person asks for it."""

from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE users ALTER COLUMN hidden_columns SET DEFAULT '{source}'")
    op.execute("UPDATE users SET hidden_columns = hidden_columns || '{source}'::text[]")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("UPDATE users SET hidden_columns = array_remove(hidden_columns, 'source')")
    op.execute("ALTER TABLE users ALTER COLUMN hidden_columns SET DEFAULT '{}'")
