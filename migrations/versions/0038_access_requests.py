"""Let a workspace ask to be asked before a super-admin looks into it."""

from alembic import context, op

revision = "0038"
down_revision = "0037"

JOBS = "current_setting('auditsaas.looked_at', true) = 'jobs'"
HERE = "workspace_id = ANY (bound_workspaces())"
MINE = "user_id = bound_person()"

# No person decides their own request, even where the code forgets to check.
TABLE = """
CREATE TABLE access_requests (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id),
    reason text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'waiting' CONSTRAINT ck_access_requests_state CHECK (
        state IN ('waiting', 'approved', 'declined', 'broken')),
    decided_by uuid REFERENCES users (id),
    decided_at timestamptz,
    because text,
    open_until timestamptz,
    CONSTRAINT ck_access_requests_decided CHECK (decided_by <> user_id),
    CONSTRAINT ck_access_requests_open CHECK (
        open_until IS NULL OR (state IN ('approved', 'broken') AND decided_by IS NOT NULL)),
    PRIMARY KEY (workspace_id, id)
)
"""


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE workspaces ADD COLUMN asks_first boolean NOT NULL DEFAULT false")
    op.execute(TABLE)
    op.execute("CREATE INDEX ix_access_requests_user_id ON access_requests (user_id, asked_at)")
    op.execute("ALTER TABLE access_requests ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE access_requests FORCE ROW LEVEL SECURITY")
    for command, condition in (
        ("SELECT", f"USING ({MINE} OR {HERE})"),
        ("INSERT", f"WITH CHECK ({MINE} AND {HERE})"),
        ("UPDATE", f"USING ({HERE}) WITH CHECK ({HERE})"),
    ):
        name = f"tenant_{command.lower()}"
        op.execute(f"CREATE POLICY {name} ON access_requests FOR {command} {condition}")
    op.execute(f'GRANT SELECT, INSERT ON access_requests TO "{roles.app}"')
    op.execute(
        "GRANT UPDATE (state, decided_by, decided_at, because, open_until) ON access_requests"
        f' TO "{roles.app}"'
    )
    op.execute(f'GRANT SELECT ON access_requests TO "{roles.platform}"')
    op.execute(
        f'CREATE POLICY platform ON access_requests FOR SELECT TO "{roles.platform}" USING ({JOBS})'
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE access_requests")
    op.execute("ALTER TABLE workspaces DROP COLUMN asks_first")
