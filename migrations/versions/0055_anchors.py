"""Keep where checkpoints of each log are anchored, and each anchor with what shows it.

Readers and writers of the log notice nothing. The keys of object stores are sealed in a table of
their own, without workspaces: the owner seals them anew when SECRET_KEY changes.
"""

from alembic import context, op

revision = "0055"
down_revision = "0054"

JOBS = "current_setting('auditsaas.looked_at', true) = 'jobs'"
HERE = "workspace_id = ANY (bound_workspaces())"

TABLES = {
    "anchor_places": """
        workspace_id uuid NOT NULL,
        id uuid NOT NULL,
        kind text NOT NULL CONSTRAINT ck_anchor_places_kind CHECK (
            kind IN ('s3', 'tsa', 'workspace')),
        name text NOT NULL,
        config jsonb NOT NULL,
        hours integer NOT NULL,
        last_size bigint NOT NULL DEFAULT 0,
        last_at timestamptz,
        last_error text,
        failing_since timestamptz,
        attempts integer NOT NULL DEFAULT 0,
        next_try_at timestamptz NOT NULL,
        added_at timestamptz NOT NULL,
        removed_at timestamptz,
        PRIMARY KEY (workspace_id, id)
    """,
    "anchors": """
        workspace_id uuid NOT NULL,
        id uuid NOT NULL,
        place_id uuid,
        kind text NOT NULL CONSTRAINT ck_anchors_kind CHECK (
            kind IN ('mail', 's3', 'tsa', 'workspace')),
        size bigint NOT NULL,
        receipt bytea,
        at timestamptz NOT NULL,
        state text NOT NULL CONSTRAINT ck_anchors_state CHECK (state IN ('made', 'failed')),
        error text,
        PRIMARY KEY (workspace_id, id)
    """,
}
CHANGED = "last_size, last_at, last_error, failing_since, attempts, next_try_at, removed_at"
"""The columns of a place that the app role may change; an anchor is never changed."""


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
        ):
            name = f"tenant_{command.lower()}"
            op.execute(f"CREATE POLICY {name} ON {table} FOR {command} {condition}")
        op.execute(f'GRANT SELECT, INSERT ON {table} TO "{roles.app}"')
    op.execute(
        "CREATE POLICY tenant_update ON anchor_places FOR UPDATE"
        f" USING ({HERE}) WITH CHECK ({HERE})"
    )
    op.execute(f'GRANT UPDATE ({CHANGED}) ON anchor_places TO "{roles.app}"')
    op.execute(
        "CREATE INDEX ix_anchor_places_due ON anchor_places (next_try_at) WHERE removed_at IS NULL"
    )
    op.execute("CREATE INDEX ix_anchors_at ON anchors (workspace_id, at)")
    # Workers are handed the places that are due.
    op.execute(f'GRANT SELECT ON anchor_places TO "{roles.platform}"')
    op.execute(
        f'CREATE POLICY platform ON anchor_places FOR SELECT TO "{roles.platform}" USING ({JOBS})'
    )
    op.execute("CREATE TABLE anchor_secrets (id uuid PRIMARY KEY, sealed text NOT NULL)")
    op.execute(f'GRANT SELECT, INSERT, DELETE ON anchor_secrets TO "{roles.app}"')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in ("anchor_secrets", *reversed(TABLES)):
        op.execute(f"DROP TABLE {table}")
