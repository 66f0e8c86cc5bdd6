"""Refuse a pending change that is inserted as asked for earlier, or by another person.

``set_retention`` believes a change that is due, so a change has to be due by more than a row that
says so: it is asked for now, by the person who is bound, and none is due within a day of that, the
least delay that an operator can set.
"""

from alembic import op

revision = "0040"
down_revision = "0039"

HERE = "workspace_id = ANY (bound_workspaces())"
ASKED_NOW = (
    f"{HERE} AND asked_by = bound_person() AND asked_at >= now()"
    " AND state = 'waiting' AND approved_by IS NULL"
)

CHANGE_IS_DUE = """
CREATE OR REPLACE FUNCTION change_is_due(workspace uuid, asked jsonb) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp
RETURN EXISTS (
    SELECT FROM pending_changes AS c WHERE c.workspace_id = workspace AND c.wanted = asked
    AND c.state = 'waiting' AND c.effective_at <= now(){least}
    AND (NOT c.needs_second OR c.approved_by IS NOT NULL)
)
"""
LEAST = "\n    AND c.asked_at <= now() - interval '24 hours'"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(CHANGE_IS_DUE.format(least=LEAST))
    op.execute(f"ALTER POLICY tenant_insert ON pending_changes WITH CHECK ({ASKED_NOW})")
    op.execute(
        "ALTER TABLE pending_changes ADD CONSTRAINT ck_pending_changes_approved"
        " CHECK (approved_by <> asked_by)"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE pending_changes DROP CONSTRAINT ck_pending_changes_approved")
    op.execute(f"ALTER POLICY tenant_insert ON pending_changes WITH CHECK ({HERE})")
    op.execute(CHANGE_IS_DUE.format(least=""))
