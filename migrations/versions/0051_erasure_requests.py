"""Keep requests for erasures of a person's words, and the key of each workspace's pseudonyms."""

from alembic import context, op

revision = "0051"
down_revision = "0050"

JOBS = "current_setting('auditsaas.looked_at', true) = 'jobs'"
HERE = "workspace_id = ANY (bound_workspaces())"

REQUESTS = """
CREATE TABLE erasure_requests (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    person text COLLATE "C",
    pseudonym text NOT NULL,
    slots smallint[] NOT NULL,
    events bigint NOT NULL,
    up_to bigint NOT NULL,
    sample uuid NOT NULL,
    after uuid,
    erased bigint NOT NULL DEFAULT 0,
    started_at timestamptz,
    done_at timestamptz,
    stopped_because text,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, id) REFERENCES pending_changes (workspace_id, id)
)
"""
KEYS = """
CREATE TABLE erasure_keys (
    id uuid PRIMARY KEY REFERENCES workspaces (id),
    sealed text NOT NULL
)
"""


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(REQUESTS)
    op.execute("ALTER TABLE erasure_requests ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE erasure_requests FORCE ROW LEVEL SECURITY")
    for command, condition in (
        ("SELECT", f"USING ({HERE})"),
        ("INSERT", f"WITH CHECK ({HERE})"),
        ("UPDATE", f"USING ({HERE}) WITH CHECK ({HERE})"),
    ):
        policy = f"tenant_{command.lower()} ON erasure_requests FOR {command}"
        op.execute(f"CREATE POLICY {policy} {condition}")
    op.execute(f'GRANT SELECT, INSERT ON erasure_requests TO "{roles.app}"')
    # Workers are handed what was asked for, and see no person of it.
    op.execute(
        f'GRANT SELECT (workspace_id, id, done_at) ON erasure_requests TO "{roles.platform}"'
    )
    op.execute(
        f'CREATE POLICY platform ON erasure_requests FOR SELECT TO "{roles.platform}"'
        f" USING ({JOBS})"
    )
    op.execute(KEYS)
    op.execute(f'GRANT SELECT, INSERT ON erasure_keys TO "{roles.app}"')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE erasure_keys")
    op.execute("DROP TABLE erasure_requests")
