"""Daily counts beside the hourly ones; they are filled workspace by workspace once these are there.

Nothing is counted here: that would hold up every append, and processes of the version before go
on appending without the daily counts. ``log_heads.days_counted`` tells how far they are right.
"""

from alembic import context, op

revision = "0019"
down_revision = "0018"

WORKSPACES = "NULLIF(current_setting('auditsaas.workspaces', true), '')::uuid[]"

TABLE = """
CREATE TABLE event_days (
    workspace_id uuid NOT NULL,
    day timestamptz NOT NULL,
    activity text COLLATE "C" NOT NULL,
    method text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (workspace_id, day, activity, method, status)
)
"""


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(TABLE)
    condition = f"workspace_id = ANY ({WORKSPACES})"
    op.execute("ALTER TABLE event_days ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE event_days FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON event_days USING ({condition}) WITH CHECK ({condition})")
    op.execute(f'GRANT SELECT, INSERT, UPDATE ON event_days TO "{roles.app}"')
    op.execute(f'GRANT SELECT ON event_days TO "{roles.platform}"')
    op.execute(
        f'CREATE POLICY platform ON event_days FOR SELECT TO "{roles.platform}" USING (true)'
    )
    op.execute("ALTER TABLE log_heads ADD COLUMN days_counted bigint NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE log_heads DROP COLUMN days_counted")
    op.execute("DROP TABLE event_days")
