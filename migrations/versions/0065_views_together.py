"""Keep each person's order of saved views, and let admins change what others share.

A person writes their own views only. What an admin does with another's goes through a function of
the owner, which asks for their role, and acts as the view's maker, whom the policies let. Readers
and writers notice nothing: the column's default is constant.
"""

from alembic import context, op

revision = "0065"
down_revision = "0064"

SIGNATURE = "change_shared_view(uuid, uuid, jsonb)"

# SET LOCAL, for Citus propagates that alone.
CHANGE_SHARED_VIEW = """
CREATE FUNCTION change_shared_view(workspace uuid, shared_view uuid, change jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    asking uuid := bound_person();
    maker uuid;
BEGIN
    IF NOT scope_is_proven() OR workspace = ANY (bound_workspaces()) IS NOT TRUE OR NOT EXISTS (
        SELECT FROM memberships AS m WHERE m.workspace_id = workspace
        AND m.user_id = asking AND m.role = 'admin' AND m.disabled_at IS NULL
    ) THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'permission denied to change a shared view';
    END IF;
    SELECT v.user_id INTO maker FROM saved_views AS v
    WHERE v.workspace_id = workspace AND v.id = shared_view AND v.shared;
    IF maker IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('SET LOCAL auditsaas.person = %L', maker);
    IF change IS NULL THEN
        DELETE FROM saved_views AS v WHERE v.workspace_id = workspace AND v.id = shared_view;
    ELSE
        UPDATE saved_views AS v SET
            name = coalesce(change ->> 'name', v.name),
            query = coalesce(change ->> 'query', v.query),
            shared = coalesce((change ->> 'shared')::boolean, v.shared)
        WHERE v.workspace_id = workspace AND v.id = shared_view;
    END IF;
    EXECUTE format('SET LOCAL auditsaas.person = %L', asking);
END
$$
"""


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE users ADD COLUMN view_rows jsonb NOT NULL DEFAULT '{}'")
    op.execute(CHANGE_SHARED_VIEW)
    op.execute(f"REVOKE ALL ON FUNCTION {SIGNATURE} FROM PUBLIC")
    op.execute(f'GRANT EXECUTE ON FUNCTION {SIGNATURE} TO "{roles.app}"')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(f"DROP FUNCTION {SIGNATURE}")
    op.execute("ALTER TABLE users DROP COLUMN view_rows")
