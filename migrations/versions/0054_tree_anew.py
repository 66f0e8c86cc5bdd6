"""Let the owner of the tables begin a log anew, and thin out checkpoints that nothing refers to.

Only in a transaction that says so: ``auditsaas.beginning_anew`` and ``auditsaas.thinning``. Readers
and writers notice nothing. A tile's sums go beside its hashes, into room that is empty there.
"""

from alembic import op

revision = "0054"
down_revision = "0053"

HERE = "workspace_id = ANY (bound_workspaces())"
ANEW = f"{HERE} AND current_setting('auditsaas.beginning_anew', true) = 'yes'"
THIN = f"{HERE} AND NOT kept AND current_setting('auditsaas.thinning', true) = 'yes'"
REMOVED = ("tree_leaves", "tree_tiles", "checkpoints", "erasures")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE tree_leaves ALTER COLUMN locators SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE tree_leaves SET (toast_tuple_target = 128)")
    for table in REMOVED:
        op.execute(f"CREATE POLICY anew ON {table} FOR DELETE TO CURRENT_USER USING ({ANEW})")
    op.execute(f"CREATE POLICY thin ON checkpoints FOR DELETE TO CURRENT_USER USING ({THIN})")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE tree_leaves RESET (toast_tuple_target)")
    op.execute("DROP POLICY thin ON checkpoints")
    for table in REMOVED:
        op.execute(f"DROP POLICY anew ON {table}")
