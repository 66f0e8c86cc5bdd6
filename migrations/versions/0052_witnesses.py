"""Keep who witnesses each log, what they signed, and which logs are witnessed here.

Readers and writers of the log notice nothing. What a witness signed and what others hold is added
to and never removed by the product; the logs that are witnessed here are the operator's to choose.
"""

from alembic import context, op

revision = "0052"
down_revision = "0051"

JOBS = "current_setting('auditsaas.looked_at', true) = 'jobs'"
HERE = "workspace_id = ANY (bound_workspaces())"

TABLES = {
    "witnesses": """
        workspace_id uuid NOT NULL,
        id uuid NOT NULL,
        name text NOT NULL,
        vkey text NOT NULL,
        url text NOT NULL,
        required boolean NOT NULL DEFAULT false,
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
    "cosignatures": """
        workspace_id uuid NOT NULL,
        size bigint NOT NULL,
        witness_id uuid NOT NULL,
        line text NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (workspace_id, size, witness_id)
    """,
    "known_heads": """
        workspace_id uuid NOT NULL,
        holder text NOT NULL,
        size bigint NOT NULL,
        root bytea NOT NULL,
        note text NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (workspace_id, holder)
    """,
}
CHANGED = {
    "witnesses": (
        "last_size, last_at, last_error, failing_since, attempts, next_try_at, removed_at"
    ),
    "cosignatures": "line, at",
    "known_heads": "size, root, note, at",
}
"""The columns that the app role may change."""


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
    op.execute("CREATE INDEX ix_witnesses_due ON witnesses (next_try_at) WHERE removed_at IS NULL")
    # Workers are handed the witnesses that are due.
    op.execute(f'GRANT SELECT ON witnesses TO "{roles.platform}"')
    op.execute(
        f'CREATE POLICY platform ON witnesses FOR SELECT TO "{roles.platform}" USING ({JOBS})'
    )
    _witness_others(roles.app)


def _witness_others(app: str) -> None:
    """Make the tables of a witness: they belong to the installation, and no workspace."""
    op.execute(
        """
        CREATE TABLE witnessed (
            origin text PRIMARY KEY,
            vkeys text[] NOT NULL,
            size bigint NOT NULL DEFAULT 0,
            root bytea NOT NULL,
            note text,
            at timestamptz,
            added_at timestamptz NOT NULL
        )
        """
    )
    op.execute(f'GRANT SELECT ON witnessed TO "{app}"')
    op.execute(f'GRANT UPDATE (size, root, note, at) ON witnessed TO "{app}"')
    op.execute(
        """
        CREATE TABLE witness_keys (
            id uuid PRIMARY KEY,
            vkey text NOT NULL,
            sealed text NOT NULL,
            made_at timestamptz NOT NULL
        )
        """
    )
    op.execute(f'GRANT SELECT ON witness_keys TO "{app}"')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in ("witness_keys", "witnessed", *reversed(TABLES)):
        op.execute(f"DROP TABLE {table}")
