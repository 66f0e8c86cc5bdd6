"""Keep each look of super-admins, of which their transactions say what it may read.

``auditsaas.looked_at`` is an array of workspaces, ``all``, ``all but`` those of
``auditsaas.not_looked_at``, or ``jobs``, which workers are handed. The version before says nothing,
so the policies that let the platform role see every row are narrowed by ``auditsaas db tighten``.
"""

from alembic import context, op

revision = "0030"
down_revision = "0029"

JOBS = "current_setting('auditsaas.looked_at', true) = 'jobs'"

NARROWED = (
    *("memberships", "api_keys", "log_heads", "event_counts", "event_days", "events", "actors"),
    *("actor_emails", "actor_names", "exports", "imports", "mails", "schedules", "schedule_runs"),
    "pending_changes",
)

# Counted up while an answer waits, in a row of each of a thousand workspaces: without foreign keys,
# and with room beside each row for the next count.
TABLE = """
CREATE TABLE platform_looks (
    workspace_id uuid NOT NULL,
    user_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    kind text NOT NULL,
    query_hash bytea NOT NULL,
    query text NOT NULL,
    filter text NOT NULL,
    reason text,
    every boolean NOT NULL,
    request json NOT NULL,
    shown bigint,
    looks integer NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    told integer NOT NULL DEFAULT 0,
    open boolean NOT NULL DEFAULT true,
    PRIMARY KEY (workspace_id, user_id, hour, kind, query_hash)
) WITH (fillfactor = 50)
"""

WORKSPACES = "NULLIF(current_setting('auditsaas.workspaces', true), '')::uuid[]"
PERSON = "NULLIF(current_setting('auditsaas.person', true), '')::uuid"
OWN = f"user_id = {PERSON} OR workspace_id = ANY ({WORKSPACES})"
# What has been told in full may go after a day; nothing else may be removed.
TOLD = f"NOT open AND hour < now() - interval '1 day' AND workspace_id = ANY ({WORKSPACES})"


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(TABLE)
    op.execute("CREATE INDEX ix_platform_looks_open ON platform_looks (hour) WHERE open")
    op.execute("ALTER TABLE platform_looks ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE platform_looks FORCE ROW LEVEL SECURITY")
    # The policies of the other tables are for every role; here each names what may be done.
    op.execute(f"CREATE POLICY seen ON platform_looks FOR SELECT USING ({OWN})")
    op.execute(f"CREATE POLICY noted ON platform_looks FOR INSERT WITH CHECK ({OWN})")
    op.execute(f"CREATE POLICY counted ON platform_looks FOR UPDATE USING ({OWN})")
    op.execute(f"CREATE POLICY removed ON platform_looks FOR DELETE USING ({TOLD})")
    op.execute(f'GRANT SELECT, INSERT, DELETE ON platform_looks TO "{roles.app}"')
    op.execute(
        f'GRANT UPDATE (shown, looks, last_at, told, open) ON platform_looks TO "{roles.app}"'
    )
    op.execute(f'GRANT SELECT ON platform_looks TO "{roles.platform}"')
    op.execute(
        f'CREATE POLICY platform ON platform_looks FOR SELECT TO "{roles.platform}" USING ({JOBS})'
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE platform_looks")
    for table in NARROWED:
        op.execute(f"ALTER POLICY platform ON {table} USING (true)")
