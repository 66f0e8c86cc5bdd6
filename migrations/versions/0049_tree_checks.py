"""Keep checks of a log against its tree, what they found, and by what a changed field is named.

Readers and writers notice nothing: the column is nullable and no row is written. A tile without
``locators`` is checked all the same; only the field that was changed in it cannot be named.
"""

from alembic import context, op

revision = "0049"
down_revision = "0048"

JOBS = "current_setting('auditsaas.looked_at', true) = 'jobs'"
HERE = "workspace_id = ANY (bound_workspaces())"

TABLES = {
    "tree_checks": """
        workspace_id uuid NOT NULL REFERENCES workspaces (id),
        id uuid NOT NULL,
        kind text NOT NULL CONSTRAINT ck_tree_checks_kind CHECK (kind IN ('sample', 'all')),
        asked_by uuid REFERENCES users (id),
        state text NOT NULL DEFAULT 'queued' CONSTRAINT ck_tree_checks_state CHECK (
            state IN ('queued', 'running', 'done', 'failed')),
        fence bigint NOT NULL DEFAULT 0,
        lease_until timestamptz,
        attempts integer NOT NULL DEFAULT 0,
        size bigint,
        total bigint,
        done bigint NOT NULL DEFAULT 0,
        reached bigint NOT NULL DEFAULT 0,
        found jsonb NOT NULL DEFAULT '{}',
        error text,
        created_at timestamptz NOT NULL DEFAULT now(),
        started_at timestamptz,
        finished_at timestamptz,
        PRIMARY KEY (workspace_id, id)
    """,
    "tree_findings": """
        workspace_id uuid NOT NULL REFERENCES workspaces (id),
        id uuid NOT NULL,
        fingerprint bytea NOT NULL,
        kind text NOT NULL,
        seq bigint,
        last_seq bigint,
        found jsonb NOT NULL,
        check_id uuid,
        first_at timestamptz NOT NULL DEFAULT now(),
        last_at timestamptz NOT NULL DEFAULT now(),
        times integer NOT NULL DEFAULT 1,
        told_at timestamptz,
        admins_told integer NOT NULL DEFAULT 0,
        acknowledged_at timestamptz,
        acknowledged_by text,
        reason text,
        PRIMARY KEY (workspace_id, id),
        CONSTRAINT uq_tree_findings_fingerprint UNIQUE (workspace_id, fingerprint)
    """,
}
INDEXES = {
    "ix_tree_checks_unfinished": "tree_checks (created_at) WHERE state IN ('queued', 'running')",
    "ix_tree_findings_open": (
        "tree_findings (workspace_id, first_at) WHERE acknowledged_at IS NULL"
    ),
}
CHANGED = {
    "tree_checks": (
        "state, fence, lease_until, attempts, size, total, done, reached, found, error,"
        " started_at, finished_at"
    ),
    "tree_findings": (
        "last_at, times, told_at, admins_told, acknowledged_at, acknowledged_by, reason"
    ),
}
"""The columns that the app role may change."""
SEEN = {
    "tree_checks": (
        "workspace_id, id, kind, asked_by, state, fence, lease_until, attempts, created_at,"
        " started_at, finished_at"
    ),
    "tree_findings": "workspace_id, id, kind, first_at, acknowledged_at",
}
"""What workers and figures see of them across workspaces."""


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table, columns in TABLES.items():
        op.execute(f"CREATE TABLE {table} ({columns})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        for command, condition in (
            ("SELECT", f"USING ({HERE})"),
            ("INSERT", f"WITH CHECK ({HERE})"),
            ("UPDATE", f"USING ({HERE}) WITH CHECK ({HERE})"),
        ):
            name = f"tenant_{command.lower()}"
            op.execute(f"CREATE POLICY {name} ON {table} FOR {command} {condition}")
        op.execute(f'GRANT SELECT, INSERT ON {table} TO "{roles.app}"')
        op.execute(f'GRANT UPDATE ({CHANGED[table]}) ON {table} TO "{roles.app}"')
        op.execute(f'GRANT SELECT ({SEEN[table]}) ON {table} TO "{roles.platform}"')
        op.execute(
            f'CREATE POLICY platform ON {table} FOR SELECT TO "{roles.platform}" USING ({JOBS})'
        )
    for name, index in INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {index}")
    op.execute("ALTER TABLE tree_leaves ADD COLUMN locators bytea")
    op.execute(f'GRANT UPDATE (locators) ON tree_leaves TO "{roles.app}"')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE tree_leaves DROP COLUMN locators")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
